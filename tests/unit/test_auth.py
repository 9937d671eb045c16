"""The guard: forms of a key, roles, changes of the file, what is remembered."""

import base64
import io
from pathlib import Path

import pytest

from inferd import auth, client_keys
from inferd.auth import Guard
from inferd.config import Log as LogConfig
from inferd.errors import AccessDenied
from inferd.log import Log

UNABLE = "unable to authenticate with provided credentials and anonymous access is not allowed for this request"


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    return {role: client_keys.create(tmp_path / "state", f"the-{role}", role) for role in ("user", "admin")}


@pytest.fixture
def guard(tmp_path: Path, keys: dict[str, str], log: io.StringIO) -> Guard:
    return Guard(tmp_path / "state", Log(LogConfig(), log))


def _admit(guard: Guard, header: str | None, privilege: auth.Privilege = "monitor", api: str = "get") -> str:
    return guard.admit(header, privilege, api, "/_inference").name


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_every_form_says_who_it_is(guard: Guard, keys: dict[str, str]) -> None:
    key = keys["user"]
    forms = [
        f"ApiKey {key}", f"APIKEY {key}", f"Bearer {key}", f" bearer  {key} ",
        f"ApiKey {_encoded('x:' + key)}", f"Basic {_encoded('elastic:' + key)}", f"basic {_encoded(':' + key)}",
    ]  # fmt: skip
    assert {_admit(guard, form) for form in forms} == {"the-user"}
    assert {_admit(guard, form) for form in forms} == {"the-user"}  # as remembered


@pytest.mark.parametrize("header", ["", "ApiKey", "Bearer x", "Basic Og==", "Basic %%%", "Basic bm8=", "Basic /zo="])
def test_anything_else_is_nobody(guard: Guard, header: str) -> None:
    with pytest.raises(AccessDenied) as denied:
        _admit(guard, header)
    assert (denied.value.status, denied.value.reason) == (401, UNABLE)


def test_a_key_is_no_key_in_the_wrong_form(guard: Guard, keys: dict[str, str]) -> None:
    for header in (f"Basic {keys['user']}", f"Bearer {_encoded('x:' + keys['user'])}", keys["user"]):
        with pytest.raises(AccessDenied):
            _admit(guard, header)


def test_without_a_header_the_ways_in_are_named(guard: Guard) -> None:
    with pytest.raises(AccessDenied) as denied:
        _admit(guard, None)
    assert denied.value.reason == "missing authentication credentials for REST request [/_inference]"
    assert denied.value.headers["WWW-Authenticate"].endswith('Bearer realm="security", ApiKey')


@pytest.mark.parametrize("api", ["put", "update", "delete"])
def test_only_an_admin_manages(guard: Guard, keys: dict[str, str], api: str) -> None:
    assert _admit(guard, f"ApiKey {keys['admin']}", "manage", api) == "the-admin"
    with pytest.raises(AccessDenied) as denied:
        _admit(guard, f"ApiKey {keys['user']}", "manage", api)
    assert denied.value.status == 403
    assert f"action [cluster:admin/xpack/inference/{api}] is unauthorized for user [the-user]" in denied.value.reason


def test_the_file_is_looked_at_again_once_the_knowledge_is_old(
    guard: Guard, keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setattr(auth, "FRESH", 1e9)
    assert _admit(guard, f"ApiKey {keys['user']}") == "the-user"
    client_keys.revoke(tmp_path / "state", "the-user")
    assert _admit(guard, f"ApiKey {keys['user']}") == "the-user"
    monkeypatch.setattr(auth, "FRESH", -1.0)
    with pytest.raises(AccessDenied):
        _admit(guard, f"ApiKey {keys['user']}")
    assert _admit(guard, f"ApiKey {keys['admin']}") == "the-admin"
    assert log.getvalue().count("client keys changed") == 1
    assert (len(guard), repr(guard)) == (1, "<Guard with 1 keys>")


def test_a_damaged_file_changes_nothing_and_a_missing_one_lets_nobody_in(
    guard: Guard, keys: dict[str, str], tmp_path: Path, log: io.StringIO
) -> None:
    file = tmp_path / "state" / client_keys.FILE
    whole = file.read_bytes()
    file.write_text("damaged")
    guard.refresh()
    assert _admit(guard, f"ApiKey {keys['user']}") == "the-user"
    assert "client keys have not been changed" in log.getvalue()
    file.unlink()
    guard.refresh()
    with pytest.raises(AccessDenied):
        _admit(guard, f"ApiKey {keys['user']}")
    file.write_bytes(whole)
    guard.refresh()
    assert _admit(guard, f"ApiKey {keys['user']}") == "the-user"


def test_what_is_remembered_is_bounded_and_no_secret(
    guard: Guard, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 3)
    for number in range(10):
        _admit(guard, f"Basic {_encoded(f'{number}:' + keys['user'])}")
    assert 0 < len(guard._known) <= 3
    assert all(len(fingerprint) == 32 for fingerprint in guard._known)
