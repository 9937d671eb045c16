"""Gate: each module is covered to 100 %, branches included, by its own test file alone.

``inferd/rest/put.py`` has ``tests/unit/rest/test_put.py``, and a package's ``__init__`` has ``test_init.py``. A file
that grew too long goes on in ``test_put_<part>.py`` beside it. The tests run in Python's development mode, asyncio's
debugging included, so that what it finds fails them too. Arguments are modules to look at instead of all.
"""

import argparse
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import coverage
import pytest

EXCUSED = {
    "inferd/__init__.py": "one constant",
    "inferd/chunking/__init__.py": "a docstring",
    "inferd/client/__init__.py": "a docstring",
    "inferd/ratelimit/__init__.py": "names its public parts",
    "inferd/schema/__init__.py": "a docstring",
    "inferd/simulator/__init__.py": "names its public parts",
    "inferd/upstream/__init__.py": "a docstring",
}

# A module whose tests take longer than this hangs; seconds.
PATIENCE = 300


class Verdict(NamedTuple):
    """Whether a module is covered by its own tests, and what they printed."""

    module: Path
    covered: bool
    report: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the gate; 1 if a module has no test of its own or is not covered by it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alone", action="store_true", help="measure one module in this process")
    parser.add_argument("modules", nargs="*", type=Path)
    parsed = parser.parse_args(arguments)
    if parsed.alone:
        return _measured(parsed.modules[0])
    modules = parsed.modules or sorted(Path("inferd").rglob("*.py"))
    failed = _excuses_without_module()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for verdict in pool.map(_judged, [module for module in modules if str(module) not in EXCUSED]):
            if not verdict.covered:
                failed.append(str(verdict.module))
                print(f"--- {verdict.module}\n{verdict.report}", flush=True)
    print(f"own coverage: {len(modules)} modules, {len(EXCUSED)} excused, {len(failed)} failed: {' '.join(failed)}")
    return 1 if failed else 0


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
    return "init" if module.stem == "__init__" else module.stem


def _excuses_without_module() -> list[str]:
    return [name for name in EXCUSED if not Path(name).exists()]


def _judged(module: Path) -> Verdict:
    test = own_tests(module)[0]
    if not test.exists():
        return Verdict(module, False, f"{test} does not exist")
    command = [sys.executable, "-X", "dev", __file__, "--alone", str(module)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return Verdict(module, False, f"{test} was not done within {PATIENCE} seconds")
    return Verdict(module, run.returncode == 0, run.stdout + run.stderr)


def _measured(module: Path) -> int:
    """Runs the tests of ``module`` under coverage in this process; 1 unless they pass and cover it."""
    os.environ["PYTHONASYNCIODEBUG"] = "1"  # For the processes that tests start.
    sys.path.insert(0, "")
    # One module is measured; what setup.cfg says of the whole package would hide the wish.
    measure = coverage.Coverage(data_file=None, branch=True, source=[], include=[str(module)])
    measure.start()
    passed = pytest.main(["--quiet", "--no-header", *map(str, own_tests(module))])
    measure.stop()
    report = io.StringIO()
    percent = measure.report(file=report, show_missing=True)
    print(report.getvalue())
    return 0 if passed == 0 and percent == 100 else 1


if __name__ == "__main__":
    sys.exit(main())
