"""The process of ``worker`` as seen from outside: started, given its job, waited for, ended at any moment."""

import os
import subprocess
import threading
from collections.abc import Mapping

from inferd.chunking.worker import COMMAND
from inferd.errors import StatusFailure

# All that the process needs of the environment: how to find its libraries. No socket of systemd's, no credentials.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")


class Process:
    """One run of the process: ``run`` in one thread, ``end`` from any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, job: bytes) -> tuple[int | None, bytes]:
        """Does ``job``; the exit status and output for ``worker.answer_of``, the status None if it was ended before.

        Whichever way it is left, the process is gone. StatusFailure 503 if none can be started.
        """
        with self._lock:
            if self._ended:
                return None, b""
            self._process = _started()
        with self._process as process:
            try:
                output, _ = process.communicate(job)
            finally:
                process.kill()
        return process.returncode, output

    def end(self) -> None:
        """Kills the process if it runs, and keeps it from starting otherwise."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of ``environ`` the process is given."""
    return {name: environ[name] for name in _INHERITED if name in environ}


def _started() -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What an interpreter says when it fails could be part of the text.
            stderr=subprocess.DEVNULL,
            env=environment(os.environ),
            # Ctrl-C is for the one who started it, who may want to finish.
            process_group=0,
        )
    except OSError as problem:
        raise StatusFailure(
            f"No process could be started to cut a long text: {problem.strerror}", 503, headers={"Retry-After": "1"}
        ) from None
