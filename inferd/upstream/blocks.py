"""An answer of megabytes as it comes, in blocks: what grows in one piece is copied whole, again and again."""

import asyncio
from io import BytesIO

from inferd.steps import LONG


class Blocks:
    """Bytes that are written part by part."""

    def __init__(self) -> None:
        self._full: list[bytes] = []
        self._last = BytesIO()
        self._length = 0

    def write(self, part: bytes) -> None:
        """Adds ``part``."""
        self._length += len(part)
        self._last.write(part)
        if self._last.tell() >= LONG:
            self._full.append(self._last.getvalue())
            self._last = BytesIO()

    async def whole(self) -> bytes:
        """All of them in one piece, once; block by block, so that the loop has its turn in between."""
        if not self._full:
            return self._last.getvalue()
        self._full.append(self._last.getvalue())
        self._full.reverse()
        # Zeros take no memory until they are written over, and each block is let go as soon as it is copied.
        whole = BytesIO(bytes(self._length))
        while self._full:
            whole.write(self._full.pop())
            await asyncio.sleep(0)
        return whole.getvalue()
