"""A person at a terminal: waits for what appears on the screen, then types, or does something else."""

import os
import threading
from collections.abc import Callable

Step = tuple[str, str | Callable[[], object]]


class Typist(threading.Thread):
    """Follows steps (text to wait for, what to type then) at the master side of a terminal.

    ``screen`` is all that appeared; it is complete once the thread has ended, which is when the program's side of the
    terminal is closed everywhere.
    """

    def __init__(self, master: int, steps: list[Step]) -> None:
        super().__init__(daemon=True)
        self.screen = ""
        self.steps = steps
        self._master = master

    def run(self) -> None:
        """Reads until nobody is left to write."""
        seen, unread = b"", b""
        while data := self._read():
            seen, unread = seen + data, unread + data
            self.screen = seen.decode(errors="replace")
            while self.steps and (place := unread.find(self.steps[0][0].encode())) >= 0:
                awaited, action = self.steps.pop(0)
                unread = unread[place + len(awaited.encode()):]
                if callable(action):
                    action()
                else:
                    os.write(self._master, action.encode())

    def _read(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except OSError:  # EIO is how a terminal ends
            return b""
