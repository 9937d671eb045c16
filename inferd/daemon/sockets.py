"""The listening sockets: passed by systemd, or bound here; and who can reach them."""

import asyncio
import socket
from collections.abc import Iterable, MutableMapping
from typing import NamedTuple

from inferd import systemd
from inferd.config import Config
from inferd.upstream.addresses import is_loopback


class CannotListen(Exception):
    """Why there is no socket to serve at, in one line that names the option."""


class Listening(NamedTuple):
    """The sockets to serve at; ``passed`` ones outlive this process, and so do the connections that wait in them."""

    sockets: list[socket.socket]
    passed: bool

    @property
    def host(self) -> str:
        """The address others reach inferd at if there is one, else a loopback one."""
        hosts = [_host(listening) for listening in self.sockets]
        return next((host for host in hosts if not is_loopback(host)), hosts[0])

    @property
    def exposed(self) -> bool:
        """Whether anyone but this machine's users can reach inferd."""
        return not is_loopback(self.host)

    def url(self, scheme: str) -> str:
        """Where the first socket is reached, for people."""
        first = self.sockets[0]
        if first.family == socket.AF_UNIX:
            return f"unix:{first.getsockname()}"
        host, port = first.getsockname()[:2]
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def close(self) -> None:
        """Gives the sockets back."""
        for listening in self.sockets:
            listening.close()


def address_in(listen: str) -> tuple[str, int]:
    """Host and port of ``[server] listen``; CannotListen if it is something else."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise CannotListen(f"[server.listen]: [{listen}] is not address:port")
    return host.strip("[]") or "127.0.0.1", int(port)


async def listen(config: Config, environ: MutableMapping[str, str]) -> Listening:
    """The sockets systemd passed, else one for ``[server] listen``; CannotListen says why there is none."""
    passed = systemd.take_sockets(environ)
    if passed:
        _refuse_datagrams(passed)
        return Listening(passed, passed=True)
    host, port = address_in(config.server.listen)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        return Listening([_bound(family, address)], passed=False)
    except (OSError, UnicodeError) as problem:
        told = problem.strerror if isinstance(problem, OSError) else "no such name"
        raise CannotListen(f"[server.listen]: cannot listen on {config.server.listen}: {told}") from None


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        # Another process may listen at the address that was bound; only this tells.
        listening.listen()
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _refuse_datagrams(passed: Iterable[socket.socket]) -> None:
    for listening in passed:
        if listening.type != socket.SOCK_STREAM:
            raise CannotListen("a socket that was passed takes no connections: inferd.socket must use ListenStream=")


def _host(listening: socket.socket) -> str:
    # A unix socket is guarded by the rights of its file, which are the administrator's business.
    return "127.0.0.1" if listening.family == socket.AF_UNIX else str(listening.getsockname()[0])
