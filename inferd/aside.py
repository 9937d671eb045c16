"""One thread beside the loop, for what would hold it for milliseconds: long bodies, long answers, many vectors.

A single one, because the loop waits for its turn behind every thread that computes. Jobs are done in the order they
came, so whoever has much to do hands it over in steps.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


# Seconds for which a thread that computes may keep the interpreter from another one, for all threads. With the 5 ms
# that Python has, a loop with a dozen sockets to read waits a dozen times as long for its next turn.
SWITCH_INTERVAL = 0.0005


class Aside:
    """The thread; it begins with the first job. You ``close`` it at the end."""

    def __init__(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = ThreadPoolExecutor(1, "inferd-aside")

    async def run(
        self, function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What ``function`` returns or raises.

        A job whose caller is cancelled is not begun; one that has begun is finished, and nobody hears of it.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args, **kwargs))

    def close(self) -> None:
        """Drops what was not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)
