"""The systemd unit: systemd understands it, and the daemon lives by what it says."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inferd.config import Config
from tests.e2e.daemon_process import running

UNIT = Path("systemd/inferd.service")
INSTALLED = "/opt/inferd/bin/inferd"
CONFIGURED = "/etc/inferd/inferd.toml"


def settings() -> dict[str, str]:
    pairs = [line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, value in pairs}


def seconds(value: str) -> float:
    assert value.endswith("s")
    return float(value[:-1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    # It also looks whether the command is there, and on this machine it is elsewhere; so is the manual.
    unit = tmp_path / UNIT.name
    lines = [line for line in UNIT.read_text().splitlines() if not line.startswith("Documentation=")]
    unit.write_text("\n".join(lines).replace(INSTALLED, sys.executable))
    socket = shutil.copy("systemd/inferd.socket", tmp_path)
    verdict = subprocess.run(
        ["systemd-analyze", "verify", str(unit), str(socket)], capture_output=True, text=True, check=False
    )
    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_little_of_the_system_is_exposed_to_the_daemon() -> None:
    verdict = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(UNIT)], capture_output=True, text=True, check=False
    )
    if "offline" in verdict.stderr:
        pytest.skip("this systemd cannot judge a unit that is not loaded")
    exposure = re.search(r"Overall exposure level for inferd.service: ([0-9.]+)", verdict.stdout)
    assert exposure is not None and float(exposure[1]) <= 1.2, verdict.stdout[-500:]


def test_the_socket_and_the_service_are_about_the_same_port() -> None:
    port = Config().server.listen.rpartition(":")[2]
    assert f"ListenStream={Config().server.listen}\n" in Path("systemd/inferd.socket").read_text()
    assert settings()["SocketBindAllow"] == f"tcp:{port}"


async def test_the_unit_starts_watches_reloads_and_stops_the_daemon(tmp_path: Path) -> None:
    """As the unit has it: its command line, a state directory, a watchdog, its signals.

    1. READY=1 comes, and the state is where StateDirectory says. 2. The watchdog is fed without being asked.
    3. ExecReload's signal is answered with RELOADING=1 and READY=1. 4. SIGTERM is answered with STOPPING=1.
    Result: exit status 0, nothing in the log that looks like a fault.
    """
    unit = settings()
    command = unit["ExecStart"].split()
    assert command[0] == INSTALLED and command[-1] == CONFIGURED and unit["ExecReload"] == "/bin/kill -HUP $MAINPID"
    environ = {
        "STATE_DIRECTORY": str(tmp_path / unit["StateDirectory"]),
        "INFERD_STORE_DIRECTORY": "",
        "INFERD_SERVER_LISTEN": "127.0.0.1:0",
        "WATCHDOG_USEC": "30000",
    }
    async with running(
        tmp_path, command=("-m", "inferd", *command[1:-1], "conf/inferd.toml"), environ=environ
    ) as daemon:
        assert (tmp_path / "inferd" / "key").is_file()
        await daemon.manager.hears("WATCHDOG=1")
        daemon.manager.forget()
        daemon.signal(signal.SIGHUP)
        await daemon.manager.hears("RELOADING=1")
        await daemon.manager.hears("READY=1")
        daemon.signal(signal.SIGTERM)
        await daemon.manager.hears("STOPPING=1")
        assert await daemon.stopped() == 0


def test_the_unit_leaves_time_for_the_drain_and_restarts_what_failed() -> None:
    unit = settings()
    assert unit["Type"] == "notify" and unit["NotifyAccess"] == "main" and unit["Restart"] == "on-failure"
    assert seconds(unit["TimeoutStopSec"]) > Config().server.drain_timeout + 5
    assert seconds(unit["WatchdogSec"]) > 0
    # A process that cuts a text for a request must not be ended before the request is.
    assert unit["KillMode"] == "mixed"


def test_what_a_newer_systemd_is_told_is_installed_and_taken_off() -> None:
    assert "Type=notify-reload\nExecReload=\n" in Path("systemd/systemd-254.conf").read_text()
    for script in ("scripts/install", "scripts/uninstall"):
        assert "$units/inferd.service.d/systemd-254.conf" in Path(script).read_text()
