"""What a reload changes in a running inferd, and what it leaves."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from inferd.config import BadConfiguration, Config, load
from inferd.daemon.reload import Reloader
from inferd.daemon.tls import Certificate
from inferd.log import Log
from tests.certificates import write_certificate
from tests.served import Served, served


class Remembering(Log):
    """A log that remembers what it was told."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.log)
        self.told: list[tuple[str, Mapping[str, object]]] = []

    def _write(self, level: int, message: str, fields: dict[str, object]) -> None:
        self.told.append((message, fields))


def _reload(inferd: Served, new: Config | BadConfiguration, certificate: Certificate | None = None) -> Remembering:
    def read() -> Config:
        if isinstance(new, BadConfiguration):
            raise new
        return new

    log = Remembering(inferd.parts.config)
    Reloader(inferd.app, certificate, log, read)()
    return log


def _with(config: Config, **environ: str) -> Config:
    changed = load(None, {f"INFERD_{name}": value for name, value in environ.items()})
    sections = {name.partition("_")[0].lower() for name in environ}
    return msgspec.structs.replace(config, **{section: getattr(changed, section) for section in sections})


async def test_what_may_change_is_in_force_at_once(inferd: Served) -> None:
    limit = inferd.parts.limits.of("x", 60)
    new = _with(inferd.parts.config, LIMITS_BURST="1", LOG_LEVEL="error", COMPAT_CHAT_ON_STREAM_ROUTE="true")
    log = _reload(inferd, new)
    assert inferd.parts.config is inferd.app.tools.config
    assert inferd.parts.config == new
    assert "1 free" in repr(limit)
    assert log.told == [
        ("configuration reloaded", {"changed": ["compat.chat_on_stream_route", "limits.burst", "log.level"]})
    ]


async def test_what_cannot_change_is_said_and_stays(inferd: Served) -> None:
    old = inferd.parts.config
    log = _reload(inferd, _with(old, SERVER_MAX_BODY="2048", AUTH_MODE="keys", TLS_CERT="/x", TLS_KEY="/y"))
    assert inferd.parts.config == old
    waiting = [fields["option"] for message, fields in log.told if message.endswith("next restart")]
    assert {"server.max_body", "auth.mode", "tls.cert", "tls.key"} <= set(waiting)
    assert log.told[-1] == ("configuration reloaded", {"changed": []})


async def test_a_bad_configuration_changes_nothing(inferd: Served) -> None:
    old = inferd.parts.config
    log = _reload(inferd, BadConfiguration("[x.y]: no"))
    assert inferd.parts.config is old
    assert log.told == [("configuration has not been changed", {"problem": "[x.y]: no"})]


@pytest.mark.parametrize(
    ("base_url", "problem"),
    [
        ("ftp://provider.test/v1", "only http and https can be called"),
        ("https://user:word@provider.test/v1", "a user or password in a URL is not allowed"),
        ("http://169.254.169.254/v1", "the address is not allowed by [upstream] private_networks and allow"),
    ],
)
async def test_a_base_url_that_may_not_be_called_changes_nothing(
    inferd: Served, base_url: str, problem: str, tmp_path: Path
) -> None:
    write_certificate(tmp_path, "first")
    files = {"TLS_CERT": str(tmp_path / "cert.pem"), "TLS_KEY": str(tmp_path / "key.pem")}
    inferd.parts.config = old = _with(inferd.parts.config, **files)
    certificate = Certificate(old.tls, {})
    before = certificate._current
    log = _reload(inferd, _with(old, OPENAI_BASE_URL=base_url, LIMITS_BURST="3"), certificate)
    assert log.told == [("configuration has not been changed", {"problem": f"[openai.base_url]: {problem}"})]
    assert inferd.parts.config is old and certificate._current is before


async def test_a_base_url_that_may_be_called_is_in_force_at_once(inferd: Served) -> None:
    _reload(inferd, _with(inferd.parts.config, OPENAI_BASE_URL="https://provider.test/v1"))
    assert inferd.app.tools.config.openai.base_url == "https://provider.test/v1"


async def test_a_certificate_in_a_home_that_nobody_has_changes_nothing(inferd: Served, tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    files = {"TLS_CERT": str(tmp_path / "cert.pem"), "TLS_KEY": str(tmp_path / "key.pem")}
    inferd.parts.config = old = _with(inferd.parts.config, **files)
    new = _with(old, TLS_CERT="~nobody-9/cert.pem", TLS_KEY=files["TLS_KEY"])
    log = _reload(inferd, new, Certificate(old.tls, {}))
    assert inferd.parts.config is old
    assert [message for message, _ in log.told] == ["configuration has not been changed"]


@pytest.mark.parametrize("removed", [False, True])
async def test_a_certificate_is_reloaded_and_cannot_be_taken_away(
    inferd: Served, tmp_path: Path, removed: bool
) -> None:
    write_certificate(tmp_path, "first")
    files = {"TLS_CERT": str(tmp_path / "cert.pem"), "TLS_KEY": str(tmp_path / "key.pem")}
    secure = _with(inferd.parts.config, **files)
    inferd.parts.config = secure
    certificate = Certificate(secure.tls, {})
    before = certificate._current
    plain = _with(secure, TLS_CERT="", TLS_KEY="")
    log = _reload(inferd, plain if removed else _with(secure, LIMITS_BURST="3"), certificate)
    assert certificate._current is not before and inferd.parts.config.tls == secure.tls
    assert ("this option changes at the next restart" in [message for message, _ in log.told]) is removed


async def test_a_bad_certificate_keeps_everything_else_from_changing_too(inferd: Served, tmp_path: Path) -> None:
    write_certificate(tmp_path, "first")
    files = {"TLS_CERT": str(tmp_path / "cert.pem"), "TLS_KEY": str(tmp_path / "key.pem")}
    inferd.parts.config = old = _with(inferd.parts.config, **files)
    certificate = Certificate(old.tls, {})
    (tmp_path / "cert.pem").write_text("nonsense")
    log = _reload(inferd, _with(old, LIMITS_BURST="3"), certificate)
    assert inferd.parts.config is old
    assert log.told[0][0] == "configuration has not been changed"


async def test_client_keys_are_read_again(tmp_path: Path) -> None:
    async with served(tmp_path, auth_mode="keys") as inferd:
        guard = inferd.parts.guard
        assert guard is not None
        before = guard._looked
        _reload(inferd, inferd.parts.config)
        assert guard._looked > before
