"""Where a URL may lead: the tables of what is let through and what is not, by address."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.upstream.addresses import AddressPolicy, AddressRefused, is_loopback

NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "::2",
    "::127.0.0.1",
    "::10.1.2.3",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "::1:0:0",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:0808:0808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "8000::1",
    "e000::1",
    "fe00::1",
    "fd00:ec2::254",
    "fd00:c1::a9fe:a9fe",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%lo",
    "fe80::1%25eth0",
    "fec0::1",
    "ff02::1",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:192.168.1.1",
    "fc00::1",
    "fd12:3456:789a::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2606:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
]

STRICT = AddressPolicy(private=False)
LENIENT = AddressPolicy(private=True)


def refused(policy: AddressPolicy, address: str, port: int = 443) -> bool:
    try:
        policy.check(address, port)
    except AddressRefused:
        return True
    return False


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    assert refused(STRICT, address)
    assert refused(LENIENT, address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_unless_they_are_allowed(address: str) -> None:
    assert refused(STRICT, address)
    assert not refused(LENIENT, address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_let_through(address: str) -> None:
    assert not refused(STRICT, address)
    assert not refused(LENIENT, address)


@given(st.integers(0, 2**32 - 1))
def test_an_address_in_ipv6_clothes_is_judged_as_the_one_it_reaches(number: int) -> None:
    plain = str(ipaddress.IPv4Address(number))
    for policy in (STRICT, LENIENT):
        assert refused(policy, f"::ffff:{plain}") == refused(policy, plain)
        for prefix in ("64:ff9b::", "::ffff:0:"):
            assert refused(policy, f"{prefix}{plain}")


@given(st.ip_addresses())
def test_what_python_calls_no_unicast_of_the_internet_is_never_let_through(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    # Some versions of Python call every mapped address reserved, and inferd judges those by what they map.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return  # Judged as the address it reaches: see above.
    if ip.is_multicast or ip.is_link_local or ip.is_loopback or ip.is_unspecified or ip.is_reserved:
        assert refused(STRICT, str(ip))


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        STRICT.check("localhost", 80)


@pytest.mark.parametrize(
    ("entry", "let_through", "refused_still"),
    [
        ("10.1.2.3:8000", [("10.1.2.3", 8000), ("::ffff:10.1.2.3", 8000)], [("10.1.2.3", 8001), ("10.1.2.4", 8000)]),
        ("[::1]:8000", [("::1", 8000)], [("::1", 80), ("127.0.0.1", 8000)]),
        ("10.0.0.0/8:80", [("10.9.9.9", 80)], [("10.9.9.9", 81), ("11.0.0.1", 0), ("192.168.0.1", 80)]),
        ("[fd00::/16]:443", [("fd00::5", 443)], [("fd01::5", 443), ("fd00:ec2::254", 443)]),
        ("127.0.0.1:65535", [("127.0.0.1", 65535)], [("127.0.0.2", 65535)]),
    ],
)
def test_exceptions_are_exact(
    entry: str, let_through: list[tuple[str, int]], refused_still: list[tuple[str, int]]
) -> None:
    policy = AddressPolicy(private=False, allow=[entry])
    assert not any(refused(policy, address, port) for address, port in let_through)
    assert all(refused(policy, address, port) for address, port in refused_still if port)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        ":",
        ":80",
        "10.1.2.3",
        "10.1.2.3:",
        "10.1.2.3:0",
        "10.1.2.3:65536",
        "10.1.2.3:80808080",
        "10.1.2.3:-1",
        "10.1.2.3:http",
        "::1",
        "::1:80",
        "[::1]",
        "[::1:80",
        "[10.1.2.3]:80",
        "10.1.2.3/8:80",
        "300.1.2.3:80",
        "localhost:8000",
        "llm.internal:8000",
        "169.254.169.254:80",
        "0.0.0.0/0:80",
        "[fe80::1]:80",
        "[::/0]:80",
    ],
)
def test_an_exception_that_is_none_is_named(entry: str) -> None:
    reasons = "is not address:port|does not appear to be|has host bits|always refused"
    with pytest.raises(ValueError, match=reasons) as told:
        AddressPolicy(private=False, allow=[entry])
    assert f"[{entry}]" in str(told.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_only_this_machine_reaches_its_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_others_reach_everything_else(host: str) -> None:
    assert not is_loopback(host)
