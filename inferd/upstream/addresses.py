"""Where a URL may lead: judged on its text when an endpoint is made, and on the address at every connection.

Names that re-resolve, odd spellings of addresses and the like cannot get round the second judgement, because it sees
the address that the socket is for. The list is written out: ``ipaddress.is_global`` calls several dangerous ranges
global, and differs between Python versions.
"""

import re
import socket
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 4096

_PORTS = {"http": 80, "https": 443}

# A space, a control character, a backslash, anything outside ASCII: no URL needs them, and parsers differ over them.
_NOT_IN_URLS = re.compile(r"[^!-\[\]-~]")

_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # unspecified: connects to this very host
        "169.254.0.0/16",  # link-local, cloud metadata
        "192.0.0.0/24",  # IETF assignments; Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "100.100.100.200/32",  # Alibaba's metadata
        "168.63.129.16/32",  # Azure's host
        "2001::/23",  # IETF assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: would reach any IPv4 address
        "3fff::/20",  # documentation
        "fd00:ec2::/32",  # Amazon's metadata
        "fd00:c1::a9fe:a9fe/128",  # Oracle's metadata
        "fd20:ce::254/128",  # Google's metadata
    )
)
# All of IPv6 that is in use between hosts: global unicast, unique local, loopback. The rest is link-local, multicast,
# reserved, or an IPv4 address in other clothes (NAT64, translated, compatible).
_IPV6_IN_USE: tuple[Network, ...] = (ip_network("2000::/3"), ip_network("fc00::/7"), ip_network("::1/128"))

_PRIVATE: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")
)


class AddressRefused(OSError):
    """A connection to this address is not allowed; every such refusal has the same text, so that it tells no more."""

    def __init__(self) -> None:
        super().__init__("the address is not allowed by [upstream] private_networks and allow")


class BadUrl(ValueError):
    """A URL that inferd will not call; the message is the reason and repeats nothing of the URL."""


class AddressPolicy:
    """Which addresses may be connected to.

    ``private`` lets loopback and private networks through; ``allow`` names exceptions to their refusal as
    ``address:port`` or ``network:port``, IPv6 in brackets. ValueError for an exception that is neither, or that
    names what is refused always.
    """

    def __init__(self, *, private: bool, allow: Iterable[str] = ()) -> None:
        self._private = private
        self._allowed = [_exception(entry) for entry in allow]
        # Asked at every connection, and mostly about the same few; what it depends on never changes.
        self._is_allowed = lru_cache(maxsize=1024)(self._judged)

    def check(self, address: str, port: int) -> None:
        """AddressRefused if ``address``, a numeric one, may not be connected to at ``port``; ValueError for a name."""
        if not self._is_allowed(address, port):
            raise AddressRefused

    def check_url(self, url: str) -> None:
        """BadUrl if the text of ``url`` already shows that it may not be called.

        Asked where a URL enters (PUT, ``_update``, configuration) and before requests; a name is judged when it is
        connected to.
        """
        host, port = host_and_port(url)
        try:
            self.check(_numeric(host), port)
        except AddressRefused as refused:
            raise BadUrl(str(refused)) from None
        except ValueError:
            return

    def _judged(self, address: str, port: int) -> bool:
        ip = _plain(ip_address(address.partition("%")[0]))
        if _is_never(ip):
            return False
        if self._private or not _within(ip, _PRIVATE):
            return True
        return any(port == allowed and _within(ip, (network,)) for network, allowed in self._allowed)


def is_loopback(host: str) -> bool:
    """True for a host (name or address) that only this machine can reach."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_and_port(url: str) -> tuple[str, int]:
    """The host as ``url`` writes it, without brackets, and the port it means; BadUrl if the text cannot be called."""
    if len(url) > MAX_URL:
        raise BadUrl(f"longer than {MAX_URL} characters")
    if _NOT_IN_URLS.search(url):
        raise BadUrl("it holds a space, a control character, a backslash or a character outside ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadUrl("its host or port cannot be read") from None
    faults = {
        "only http and https can be called": parts.scheme not in _PORTS,
        "a user or password in a URL is not allowed": "@" in parts.netloc,
        "a fragment is not allowed": "#" in url,
        "it names no host": not parts.hostname,
        "port 0 cannot be connected to": port == 0,
    }
    for reason, found in faults.items():
        if found:
            raise BadUrl(reason)
    return parts.hostname or "", port or _PORTS[parts.scheme]


def _numeric(host: str) -> str:
    """The address that ``host`` spells in one of the odd ways the C library knows, and localhost's; else ``host``."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return host


def _exception(entry: str) -> tuple[Network, int]:
    host, _, port = entry.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not host or bracketed != (":" in host) or not (port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise ValueError(f"[{entry}] is not address:port, network:port or [IPv6 address]:port")
    try:
        network = ip_network(host.strip("[]"))
    except ValueError as problem:
        raise ValueError(f"[{entry}]: {problem}") from None
    if _is_never(network.network_address):
        raise ValueError(f"[{entry}]: link-local, multicast, reserved and metadata addresses are always refused")
    return network, int(port)


def _plain(ip: Address) -> Address:
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return ip if mapped is None else mapped


def _is_never(ip: Address) -> bool:
    if ip.version == 6 and not _within(ip, _IPV6_IN_USE):
        return True
    return _within(ip, _NEVER)


def _within(ip: Address, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks if network.version == ip.version)
