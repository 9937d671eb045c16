"""What a process holds of memory, in MB, as Linux counts it."""

import re
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """``resident`` is all of it, ``anonymous`` what no file on disk stands for, ``most`` its high-water mark."""

    resident: float
    anonymous: float
    most: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """That of the process ``pid`` at this moment."""
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        found = {name: int(size) * 1024 / 1e6 for name, size in re.findall(r"(\w+):\s+(\d+) kB", status)}
        return cls(found["VmRSS"], found["RssAnon"], found["VmHWM"])

    def __str__(self) -> str:
        return f"{self.resident:.0f} MB, {self.anonymous:.0f} of them anonymous"
