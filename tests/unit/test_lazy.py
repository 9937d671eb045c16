"""A package that is only run when something of its own is wanted."""

import sys
from collections.abc import Iterator
from importlib import import_module, metadata
from pathlib import Path

import pytest

from inferd import lazy

PACKAGE = {
    "__init__.py": "__version__ = 'its own'\nfrom .part import where\nfrom . import other\nran = ['package']\n",
    "part.py": "from . import __version__, other\nwhere = __name__\nversion = __version__\n",
    "other.py": "import sys\nbefore = 'ran' in vars(sys.modules[__package__])\n",
}


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "lazily").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "lazily" / name).write_text(text)
    (tmp_path / "lazily-7.8.dist-info").mkdir()
    (tmp_path / "lazily-7.8.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lazily\nVersion: 7.8\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata.version("lazily") == "7.8"
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazily"]:
        del sys.modules[name]


def test_a_submodule_does_not_run_its_package() -> None:
    lazy.defer("lazily")
    part = import_module("lazily.part")
    assert (part.where, part.version) == ("lazily.part", "7.8")
    assert "ran" not in vars(sys.modules["lazily"])
    assert import_module("lazily.other").before is False


def test_a_name_of_its_own_does_and_the_submodules_stay_what_they_are() -> None:
    lazy.defer("lazily")
    part = import_module("lazily.part")
    found = import_module("lazily")
    assert (found.ran, found.where, found.__version__) == (["package"], "lazily.part", "its own")
    assert found is sys.modules["lazily"] and found.part is part is sys.modules["lazily.part"]
    with pytest.raises(AttributeError):
        found.absent  # noqa: B018 - the access itself is what is tried


def test_what_is_imported_already_or_not_installed_is_left_alone() -> None:
    whole = import_module("lazily")
    lazy.defer("lazily")
    assert sys.modules["lazily"] is whole
    lazy.defer("no_such_package")
    assert "no_such_package" not in sys.modules
