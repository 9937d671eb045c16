"""What the service manager hears while the daemon serves: that its loop turns, and how much there is to do."""

import asyncio
from collections.abc import Callable

from inferd.systemd import Notifier

# How often ``systemctl status`` is brought up to date where there is no watchdog, seconds.
STATUS_INTERVAL = 10.0


class Heartbeat:
    """Feeds systemd's watchdog from the event loop, so that a loop that hangs is noticed; use it with ``with``.

    ``within`` is the watchdog's time in seconds, None without one; ``status`` makes the line for ``systemctl status``.
    """

    def __init__(self, notifier: Notifier, within: float | None, status: Callable[[], str]) -> None:
        self._notifier = notifier
        self._within = within
        self._status = status
        self._told = ""
        self._interval = min(within / 3, STATUS_INTERVAL) if within is not None else STATUS_INTERVAL
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        if self._notifier:
            self._beat()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        if self._within is not None:
            self._notifier.alive()
        status = self._status()
        if status != self._told:
            self._notifier.status(status)
            self._told = status
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._beat)
