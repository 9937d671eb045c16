"""Keys are found, made and refused as promised; what is sealed opens only where it was sealed."""

import base64
import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from inferd.vault import KeyDamaged, KeyPlaces, KeyUnreadable, KeyWrong, MasterKey, SealBroken, StoreUnusable, Vault

KEY = bytes(range(32))


def private_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def vault(key: bytes = KEY, purpose: str = "endpoint secrets") -> Vault:
    return Vault(MasterKey(key, Path("/etc/inferd/key")), purpose)


def places(tmp_path: Path) -> KeyPlaces:
    return KeyPlaces.of(tmp_path, None, {})


# ---- where the key is


def test_the_places_are_the_credential_and_the_file_of_the_option_or_of_the_store(tmp_path: Path) -> None:
    assert KeyPlaces.of(tmp_path, None, {}) == KeyPlaces(None, tmp_path / "key")
    chosen = KeyPlaces.of(tmp_path, Path("/k"), {"CREDENTIALS_DIRECTORY": "/run/credentials/inferd.service"})
    assert chosen == KeyPlaces(Path("/run/credentials/inferd.service/inferd.key"), Path("/k"))
    assert str(chosen) == "/run/credentials/inferd.service/inferd.key and /k"
    assert str(places(tmp_path)) == f"{tmp_path}/key"


def test_the_credential_comes_before_the_file_and_may_show_group_bits(tmp_path: Path) -> None:
    private_file(tmp_path / "key", bytes(32))
    credential = private_file(tmp_path / "inferd.key", KEY, 0o440)
    found = KeyPlaces.of(tmp_path, None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).find()
    assert found is not None
    assert found.source == credential
    assert Vault(found, "p").key_id == vault().key_id


def test_without_the_credential_the_file_is_taken(tmp_path: Path) -> None:
    private_file(tmp_path / "key", KEY)
    found = KeyPlaces(tmp_path / "inferd.key", tmp_path / "key").find()
    assert found is not None
    assert found.source == tmp_path / "key"


@pytest.mark.parametrize(
    "content",
    [KEY, KEY.hex().encode(), KEY.hex().upper().encode() + b"\n", base64.b64encode(KEY) + b"\r\n"],
    ids=["raw", "hexadecimal", "hexadecimal line", "base64 line"],
)
def test_a_key_is_read_in_every_form(tmp_path: Path, content: bytes) -> None:
    private_file(tmp_path / "key", content)
    found = places(tmp_path).find()
    assert found is not None
    assert found.derive("check") == MasterKey(KEY, tmp_path).derive("check")


@pytest.mark.parametrize(
    "content",
    [b"", KEY[:31], KEY + b"\n", b"z" * 64, b"\xff" * 64, b"AAAA" * 10 + b"AA==", b"AAAA" * 10 + b"AAA", b"k" * 9999],
    ids=["empty", "31 bytes", "33 bytes", "no hexadecimal", "no text", "short base64", "torn base64", "long"],
)
def test_a_damaged_key_is_said_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = private_file(tmp_path / "key", content)
    with pytest.raises(KeyDamaged) as caught:
        places(tmp_path).find()
    assert str(caught.value) == f"the key file {path} does not hold a key: 32 bytes, raw, in hexadecimal or in base64"
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_key_of_ours_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path / "key", KEY, mode)
    with pytest.raises(KeyUnreadable) as caught:
        places(tmp_path).find()
    assert str(caught.value) == f"the key file {path} is open to others (mode {mode:04o}): chmod 600 it"


def test_a_key_lent_to_our_group_is_taken_but_not_one_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = private_file(tmp_path / "key", KEY, 0o440)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert places(tmp_path).find() is not None
    path.chmod(0o444)
    with pytest.raises(KeyUnreadable, match="open to others"):
        places(tmp_path).find()


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(KeyUnreadable, match="key is not a file$"):
        places(tmp_path).find()


def test_a_key_that_cannot_be_opened_or_read_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").symlink_to("key")
    with pytest.raises(KeyUnreadable, match="cannot be read: Too many levels of symbolic links$"):
        places(tmp_path).find()
    # A read that fails after the open: /proc/self/mem has nothing at address 0.
    with pytest.raises(KeyUnreadable, match="cannot be read: Input/output error$"):
        KeyPlaces(None, Path("/proc/self/mem")).find()


# ---- a new key


def test_a_new_key_is_private_whatever_the_umask_and_is_found_again(tmp_path: Path) -> None:
    assert places(tmp_path).find() is None
    before = os.umask(0o777)
    try:
        made = places(tmp_path).make()
    finally:
        os.umask(before)
    found = places(tmp_path).find()
    assert found is not None
    assert found.derive("check") == made.derive("check")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_new_key_never_replaces_one(tmp_path: Path) -> None:
    private_file(tmp_path / "key", KEY)
    with pytest.raises(KeyUnreadable, match="key cannot be made: File exists$"):
        places(tmp_path).make()
    assert (tmp_path / "key").read_bytes() == KEY
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_new_key_is_synced_before_it_has_its_name_and_its_name_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def named(part: Path, path: Path) -> None:
        steps.append("name")
        link(part, path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", named)
    places(tmp_path).make()
    assert steps == ["file", "name", "folder"]


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(KeyUnreadable, match="cannot be made: No such file or directory$"):
        KeyPlaces(None, tmp_path / "absent" / "key").make()


# ---- nothing shows a key


def test_keys_are_never_printed_nor_pickled() -> None:
    master = MasterKey(KEY, Path("/etc/inferd/key"))
    assert repr(master) == "MasterKey(***, source='/etc/inferd/key')"
    assert repr(vault()) == f"Vault(***, key_id='{vault().key_id}')"
    with pytest.raises(TypeError):
        pickle.dumps(master)


def test_each_purpose_has_a_key_of_its_own() -> None:
    master = MasterKey(KEY, Path("/k"))
    derived = [master.derive(purpose) for purpose in ("a", "b", "check")]
    assert len({*derived, KEY}) == 4
    with pytest.raises(SealBroken):
        vault(purpose="b").open(vault(purpose="a").seal(b"plain", "id"), "id")


@pytest.mark.parametrize("length", [8, 32])
def test_keys_are_derived_as_the_rfc_has_it(length: int) -> None:
    derived = HKDF(SHA256(), length, salt=None, info=b"inferd/1/a purpose").derive(KEY)
    assert MasterKey(KEY, Path("/k")).derive("a purpose", length) == derived


# ---- seals


@settings(max_examples=50, derandomize=True, database=None)
@given(plain=st.binary(max_size=200), name=st.text(st.characters(codec="utf-8")), bound=st.binary(max_size=50))
def test_what_is_sealed_opens_with_its_name_and_what_it_is_bound_to(plain: bytes, name: str, bound: bytes) -> None:
    assert vault().open(vault().seal(plain, name, bound), name, bound) == plain


def test_a_seal_is_new_at_every_write_and_shows_nothing() -> None:
    seals = {vault().seal(b"sk-cafe", "id") for _ in range(100)}
    assert len({sealed[1:13] for sealed in seals}) == 100
    assert not any(b"sk-cafe" in sealed for sealed in seals)
    assert {len(sealed) for sealed in seals} == {1 + 12 + 7 + 16}


@pytest.mark.parametrize(("name", "bound"), [("other", b"doc"), ("id", b"dox"), ("i", b"ddoc"), ("idd", b"oc")])
def test_a_seal_that_was_moved_does_not_open(name: str, bound: bytes) -> None:
    sealed = vault().seal(b"sk-cafe", "id", b"doc")
    with pytest.raises(SealBroken) as caught:
        vault().open(sealed, name, bound)
    assert str(caught.value) == f"the secrets of [{name}] do not open: they or their endpoint were changed"
    assert caught.value.__context__ is None


def test_no_bit_of_a_seal_can_change() -> None:
    sealed = vault().seal(b"sk", "id")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(SealBroken, match=r"\[id\]"):
            vault().open(bytes(changed), "id")


def test_no_shortened_seal_opens() -> None:
    sealed = vault().seal(b"sk", "id")
    for length in range(len(sealed)):
        with pytest.raises(SealBroken, match=r"\[id\]"):
            vault().open(sealed[:length], "id")


# ---- the check value


def test_a_wrong_key_is_told_by_its_id_and_a_damaged_check_value_too() -> None:
    other = vault(bytes(32))
    vault().verify(vault().key_id, vault().check)
    with pytest.raises(KeyWrong) as caught:
        other.verify(vault().key_id, vault().check)
    assert str(caught.value) == (
        "the key in /etc/inferd/key is not the one the secrets were sealed with: "
        f"its id is {other.key_id}, that of the secrets is {vault().key_id}"
    )
    with pytest.raises(KeyWrong, match="does not match the check value of the secrets: one is damaged$"):
        vault().verify(vault().key_id, other.check)


def test_every_error_stops_the_start_in_one_type() -> None:
    assert all(issubclass(error, StoreUnusable) for error in (KeyDamaged, KeyUnreadable, KeyWrong, SealBroken))
