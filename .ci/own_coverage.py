"""Gate: each module is covered to 100 %, branches included, by its own test file alone.

``inferd/rest/put.py`` has ``tests/unit/rest/test_put.py``, and a package's ``__init__`` has ``test_init.py``. A file
that grew too long goes on in ``test_put_<part>.py`` beside it. The tests run in Python's development mode, asyncio's
debugging included, so that what it finds fails them too. Arguments are modules to look at instead of all.
"""

import importlib
import io
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import IO, NamedTuple

import coverage
import pytest

EXCUSED = {
    "inferd/__init__.py": "one constant",
    "inferd/chunking/__init__.py": "a docstring",
    "inferd/client/__init__.py": "a docstring",
    "inferd/operator/__init__.py": "a docstring",
    "inferd/ratelimit/__init__.py": "names its public parts",
    "inferd/schema/__init__.py": "a docstring",
    "inferd/simulator/__init__.py": "names its public parts",
    "inferd/upstream/__init__.py": "a docstring",
}

# What most tests import. It is imported once, and each module is measured in a fork that finds it there.
COMMON = ("aiohttp.web", "cryptography.hazmat.primitives", "hypothesis", "msgspec", "pytest_aiohttp.plugin")

# Tests of one module that take longer hang; seconds.
PATIENCE = 300


class Run(NamedTuple):
    """The tests of one module, running in a process of their own, and what they print."""

    module: Path
    output: IO[bytes]


def main(names: list[str]) -> int:
    """Runs the gate; 1 if a module has no test of its own or is not covered by it."""
    modules = sorted(map(Path, names)) or sorted(Path("inferd").rglob("*.py"))
    failed = [name for name in EXCUSED if not Path(name).exists()]
    waiting = []
    for module in modules:
        if own_tests(module)[0].exists():
            waiting.append(module)
        elif str(module) not in EXCUSED:
            failed.append(f"{module} ({own_tests(module)[0]} does not exist)")
    failed += _failed(waiting)
    print("".join(f"own coverage: {name}\n" for name in failed), end="")
    print(f"own coverage: {len(modules)} modules, {len(EXCUSED)} of all excused, {len(failed)} failed")
    return 1 if failed else 0


def _failed(modules: list[Path]) -> list[str]:
    """Measures ``modules``, as many at once as there are processors; those that failed, whose output is printed."""
    os.environ["PYTHONASYNCIODEBUG"] = "1"  # For the processes that tests start.
    sys.path.insert(0, "")
    for name in COMMON:
        importlib.import_module(name)
    waiting, failed = modules[::-1], []
    running: dict[int, Run] = {}
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            run = Run(waiting.pop(), tempfile.TemporaryFile())
            running[_begun(run)] = run
        pid, status = os.wait()
        run = running.pop(pid)
        with run.output:
            if status != 0:
                run.output.seek(0)
                print(f"--- {run.module}\n{run.output.read().decode(errors='replace')}", flush=True)
                failed.append(str(run.module))
    return failed


def _begun(run: Run) -> int:
    """Forks a process that measures; its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.dup2(run.output.fileno(), 1)
        os.dup2(run.output.fileno(), 2)
        signal.alarm(PATIENCE)
        covered = _is_covered(run.module)
        sys.stdout.flush()
        os._exit(0 if covered else 1)
    return pid


def own_tests(module: Path) -> list[Path]:
    """The test file of a module and its parts; the first is the one it must have."""
    folder = Path("tests/unit", *module.parent.parts[1:])
    names = {_name(sibling) for sibling in module.parent.glob("*.py")}
    name = _name(module)
    parts = [
        test
        for test in sorted(folder.glob(f"test_{name}_*.py"))
        # test_chat_completion.py is no part of test_chat.py where there is a chat_completion.py.
        if not any(test.stem.startswith(f"test_{other}") for other in names if other.startswith(f"{name}_"))
    ]
    return [folder / f"test_{name}.py", *parts]


def _name(module: Path) -> str:
    return module.stem.strip("_")


def _is_covered(module: Path) -> bool:
    """Whether the tests of ``module`` pass and cover it."""
    # One module is measured; what setup.cfg says of the whole package would hide the wish.
    measure = coverage.Coverage(data_file=None, branch=True, source=[], include=[str(module)])
    measure.start()
    # pytest cannot rewrite the assertions of plug-ins that are imported already, and would complain.
    passed = pytest.main(["--quiet", "--no-header", "--assert=plain", *map(str, own_tests(module))])
    measure.stop()
    report = io.StringIO()
    percent = measure.report(file=report, show_missing=True)
    print(report.getvalue())
    return passed == 0 and percent == 100


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
