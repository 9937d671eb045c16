"""How late the event loop is: whatever holds it holds every request and every stream."""

import asyncio
import time
from array import array

# How often the loop is looked at, and what was seen is remembered for the health document and metrics. Seconds.
INTERVAL = 0.5
MEMORY = 10.0

# Lateness that clients notice, seconds, and how many looks in a row must find it before inferd calls itself ill:
# one long turn is a nuisance, a second and a half of them an overload.
THRESHOLD = 0.5
LOOKS = 3


class LoopLag:
    """Measures by a timer how late the loop is; use it with ``with`` inside the running loop."""

    def __init__(self) -> None:
        # Numbers and not objects: those would lie anywhere, and a whole arena cannot be given back for each of them.
        self._seen = array("d", [0.0]) * round(MEMORY / INTERVAL)
        self._looks = 0
        self._late = 0
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._wait()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def __repr__(self) -> str:
        return f"<LoopLag {self.worst:.3f} s at worst in {MEMORY:g} s>"

    @property
    def worst(self) -> float:
        """The worst lateness of the last 10 seconds."""
        return max(self._seen)

    @property
    def excessive(self) -> bool:
        """Whether the loop has been late for a while and still is."""
        return self._late >= LOOKS

    def note(self, late: float) -> None:
        """One look found the loop ``late`` by so many seconds."""
        self._seen[self._looks % len(self._seen)] = max(late, 0.0)
        self._looks += 1
        self._late = self._late + 1 if late > THRESHOLD else 0

    def _wait(self) -> None:
        # Not the loop's clock: uvloop's stands still within a turn, the very time that is to be measured.
        due = time.monotonic() + INTERVAL
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._look, due)

    def _look(self, due: float) -> None:
        self.note(time.monotonic() - due)
        self._wait()
