"""Who a request is from, and whether it may do what it asks for: client keys, their roles, Elasticsearch's texts.

Elasticsearch's privileges ``monitor_inference`` and ``manage_inference`` (ClusterPrivilegeResolver); a ``user`` has the
first, an ``admin`` both. The key alone decides: the name or id that a client sends with it is not looked at.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from inferd import client_keys
from inferd.client_keys import ClientKey, KeysUnusable, digest
from inferd.errors import AccessDenied
from inferd.log import Log

Privilege = Literal["monitor", "manage"]

# How old the knowledge of the file of keys may be when a request is judged by it, seconds.
FRESH = 1.0

# Headers that were found good; a client sends the same one with every request. Beyond this they are found out again.
REMEMBERED = 1024

_CHALLENGES = ['Basic realm="security", charset="UTF-8"', 'Bearer realm="security"', "ApiKey"]

# Elasticsearch's names of what needs ``manage_inference``, by the API's name in its specification.
_ACTIONS = {name: f"cluster:admin/xpack/inference/{name}" for name in ("put", "update", "delete")}


class Guard:
    """Lets in who has a key; its keys are those in the file of ``directory``, however that changes."""

    def __init__(self, directory: Path, log: Log) -> None:
        self._directory = directory
        self._path = directory / client_keys.FILE
        self._log = log
        self._stamp = self._stamped()
        self._looked = time.monotonic()
        self._keys = client_keys.read(directory)
        self._known: dict[bytes, ClientKey] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<Guard with {len(self)} keys>"

    def admit(self, authorization: str | None, privilege: Privilege, api: str, uri: str) -> ClientKey:
        """The key of a request that may do what it asks for, else AccessDenied.

        ``authorization`` is that header; ``api`` is the called API's name in Elasticsearch's specification.
        """
        if time.monotonic() - self._looked > FRESH:
            self.refresh()
        if authorization is None:
            raise _unauthorized(f"missing authentication credentials for REST request [{uri}]")
        # Not the header itself, so that no secret is kept longer than its request.
        fingerprint = hashlib.sha256(authorization.encode("utf-8", "surrogatepass")).digest()
        key = self._known.get(fingerprint) or self._found(authorization, fingerprint)
        if privilege == "manage" and key.role != "admin":
            raise AccessDenied(
                f"action [{_ACTIONS[api]}] is unauthorized for user [{key.name}] with effective roles "
                f"[{key.role}], this action is granted by the cluster privileges [manage_inference,manage,all]",
                403,
            )
        return key

    def refresh(self) -> None:
        """Takes over what the file holds now; where it is damaged the keys stay as they were, and the log says so."""
        self._looked = time.monotonic()
        stamp = self._stamped()
        if stamp == self._stamp:
            return
        try:
            self._keys = client_keys.read(self._directory)
        except KeysUnusable as problem:
            self._log.seldom("client keys have not been changed", problem=str(problem))
            return
        self._stamp = stamp
        self._known.clear()
        self._log.info("client keys changed", keys=len(self._keys))

    def _found(self, authorization: str, fingerprint: bytes) -> ClientKey:
        found = None
        for candidate in _candidates(authorization):
            given = digest(candidate)
            for key in self._keys:
                # Every one of them, so that the time tells nothing about which of them is near.
                if hmac.compare_digest(key.sha256, given):
                    found = key
        if found is None:
            raise _unauthorized(
                "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
            )
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[fingerprint] = found
        return found

    def _stamped(self) -> tuple[int, int, int] | None:
        """What changes when the file is replaced, None where there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size


def _candidates(authorization: str) -> Iterable[str]:
    """What may be the key in a header: as it stands, or behind the name in ``base64(name:key)``."""
    scheme, _, credentials = authorization.strip().partition(" ")
    credentials = credentials.strip()
    scheme = scheme.lower()
    if scheme in ("apikey", "bearer"):
        yield credentials
    if scheme in ("apikey", "basic"):
        try:
            decoded = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, ValueError):
            return
        _, colon, secret = decoded.partition(":")
        if colon:
            yield secret


def _unauthorized(reason: str) -> AccessDenied:
    """A 401 that names the ways in, in a header and, as Elasticsearch does, in the body too."""
    return AccessDenied(
        reason,
        401,
        headers={"WWW-Authenticate": ", ".join(_CHALLENGES)},
        metadata={"header": {"WWW-Authenticate": _CHALLENGES}},
    )
