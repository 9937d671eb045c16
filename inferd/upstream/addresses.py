"""Where a URL may lead: judged on its text when an endpoint is made, and on the address at every connection.

Names that re-resolve, odd spellings of addresses and the like cannot get round the second judgement, because it sees
the address that the socket is for. The list is written out: ``ipaddress.is_global`` calls several dangerous ranges
global, and differs between Python versions.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 4096

_PORTS = {"http": 80, "https": 443}

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
        "::/128",  # unspecified
        "64:ff9b::/96",  # NAT64: would reach any IPv4 address
        "64:ff9b:1::/48",
        "100::/64",  # discard
        "2001::/23",  # IETF assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: would reach any IPv4 address
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fd00:ec2::/32",  # Amazon's metadata
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, long withdrawn
        "ff00::/8",  # multicast
    )
)
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

    ``private`` lets loopback and private networks through; ``allow`` names exceptions as ``address:port`` or
    ``network:port``. ValueError for an exception that is neither.
    """

    def __init__(self, *, private: bool, allow: Iterable[str] = ()) -> None:
        self._private = private
        self._allowed = [_exception(entry) for entry in allow]

    def check(self, address: str, port: int) -> None:
        """AddressRefused if ``address``, a numeric one, may not be connected to at ``port``."""
        ip = ip_address(address.partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if any(port == allowed and ip in network for network, allowed in self._allowed):
            return
        if _within(ip, _NEVER) or (_within(ip, _PRIVATE) and not self._private):
            raise AddressRefused

    def check_url(self, url: str) -> None:
        """BadUrl if the text of ``url`` already shows that it may not be called.

        Asked where a URL enters (PUT, ``_update``, configuration); a name is judged when it is connected to.
        """
        host, port = host_and_port(url)
        if host.lower().rstrip(".") == "localhost":
            host = "127.0.0.1"
        try:
            self.check(host, port)
        except AddressRefused as refused:
            raise BadUrl(str(refused)) from None
        except ValueError:
            return


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
    if any(not "!" <= character <= "~" for character in url) or "\\" in url:
        raise BadUrl("it holds a space, a control character, a backslash or a character outside ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise BadUrl(str(problem)) from None
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


def _exception(entry: str) -> tuple[Network, int]:
    network, colon, port = entry.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"[{entry}] is not address:port")
    return ip_network(network.strip("[]")), int(port)


def _within(ip: Address, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks if network.version == ip.version)
