"""What systemd and a daemon tell each other: readiness, watchdog, sockets (sd_notify(3), sd_listen_fds(3))."""

import os
import socket
import time
from collections.abc import MutableMapping

# The first descriptor that is passed (SD_LISTEN_FDS_START).
_FIRST = 3

# How long a change of state waits for a manager that is slow to read, seconds; what will be said again does not wait.
PATIENCE = 0.2


class Notifier:
    """Tells the service manager how the daemon is; without one it tells nobody. Never fails."""

    def __init__(self, address: str | None) -> None:
        self._address = "\0" + address[1:] if address and address.startswith("@") else address

    def __bool__(self) -> bool:
        return bool(self._address)

    def ready(self, status: str) -> None:
        """The daemon serves; ``status`` is what ``systemctl status`` shows."""
        self._send(f"READY=1\nSTATUS={status}", PATIENCE)

    def status(self, status: str) -> None:
        """A new line for ``systemctl status``."""
        self._send(f"STATUS={status}")

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it (Type=notify-reload wants the moment)."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}", PATIENCE)

    def stopping(self) -> None:
        """The daemon stops."""
        self._send("STOPPING=1\nSTATUS=stopping", PATIENCE)

    def alive(self) -> None:
        """Feeds the watchdog."""
        self._send("WATCHDOG=1")

    def _send(self, message: str, patience: float = 0.0) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                # A manager that reads nothing lets its socket's queue run full; the loop would stand still with it.
                sender.settimeout(patience)
                sender.sendto(message.encode(), self._address)
        except OSError:
            pass  # A manager that does not listen must not take the daemon down.


def take_notifier(environ: MutableMapping[str, str]) -> Notifier:
    """The notifier for ``$NOTIFY_SOCKET``, which is taken out of ``environ``: it is not for children."""
    return Notifier(environ.pop("NOTIFY_SOCKET", None))


def take_watchdog(environ: MutableMapping[str, str]) -> float | None:
    """Seconds within which the watchdog must be fed, None if there is none for this process."""
    microseconds, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000 or None


def take_sockets(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """The listening sockets that were passed to this process, if any."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if not count.isdecimal() or pid != str(os.getpid()):
        return []
    sockets = [socket.socket(fileno=number) for number in range(_FIRST, _FIRST + int(count))]
    for passed in sockets:
        passed.setblocking(False)
        os.set_inheritable(passed.fileno(), False)
    return sockets
