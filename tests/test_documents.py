"""The documents keep up with the code: whatever an operator may meet is named where they would look for it."""

import re
from pathlib import Path

from inferd import errors
from inferd.config import options
from inferd.errors import Failure
from inferd.rest import ROUTES

README = Path("README.md").read_text()
BEHAVIOR = Path("docs/behavior.md").read_text()


def test_every_option_is_explained() -> None:
    names = [f"[{section}] {option}" for section, table in options().items() for option in table]
    assert [name for name in names if name not in BEHAVIOR] == []


def test_no_option_is_explained_that_is_not_there() -> None:
    told = re.findall(r"`\[(\w+)\] (\w+)", BEHAVIOR)
    assert [(section, option) for section, option in told if option not in options().get(section, {})] == []


def test_every_failure_is_explained_with_its_type() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Failure)]
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \| (?:`(\w+)`|–) \|", BEHAVIOR, re.MULTILINE)}
    flat = {"FlatFailure": ""}
    assert rows == {kind.__name__: kind.type for kind in kinds if kind is not Failure} | flat


def test_every_route_is_explained() -> None:
    table = BEHAVIOR.partition("## Routes")[2].partition("\n## ")[0]
    told = set(re.findall(r"/[\w.]*(?:/[\w.{}…]+)*", table.replace("/…/{id}", "/{id}")))
    asked = {route.path.replace("/{task_type}/{id}", "/{id}") for route in ROUTES}
    assert sorted(path for path in asked if path not in told) == []


def test_every_part_of_the_code_has_its_line_in_the_readme() -> None:
    parts = [path.name + ("/" if path.is_dir() else "") for path in Path("inferd").iterdir()]
    code = [name for name in parts if name.endswith((".py", "/")) and not name.startswith("__")]
    assert sorted(name for name in code if f"\n{name} " not in README) == []


def test_every_dependency_has_its_reason() -> None:
    reasons = Path("docs/dependencies.md").read_text()
    lists = Path("setup.cfg").read_text().partition("install_requires =")[2].partition("[options.entry_points]")[0]
    names = re.findall(r"^    ([\w-]+)", lists.replace("    inferd\n    inferd.*", ""), re.MULTILINE)
    assert len(names) > 10
    assert [name for name in names if f"**{name}**" not in reasons] == []


def test_what_is_linked_is_there() -> None:
    for page in (Path("README.md"), *Path("docs").glob("*.md")):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == []
