"""Where a URL may lead: the tables of what is let through and what is not, by text and by address."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.upstream.addresses import MAX_URL, AddressPolicy, AddressRefused, BadUrl, host_and_port, is_loopback

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


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "10.1",
        "0xA000001",
        "3232235777",
        "localhost",
        "LocalHost",
        "localhost.",
        "localhost..",
        "api.localhost",
        "a.b.LOCALHOST.",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[fd12::1]",
    ],
)
def test_the_text_of_a_url_shows_a_private_address_however_it_is_spelt(host: str) -> None:
    for url in (f"http://{host}/", f"https://{host}:8443/v1?a=b"):
        with pytest.raises(BadUrl, match="not allowed by"):
            STRICT.check_url(url)
        LENIENT.check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "0",
        "0.0.0.0",
        "[::]",
        "[::169.254.169.254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_the_text_of_a_url_shows_what_is_never_allowed(host: str) -> None:
    with pytest.raises(BadUrl, match="not allowed by"):
        LENIENT.check_url(f"http://{host}/latest/meta-data/")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/embeddings",
        "https://my.openai.azure.com/openai/deployments/d/embeddings?api-version=2024-02-01",
        "http://8.8.8.8:1/",
        "http://[2606:4700::1111]:443/",
        "HTTP://example.com",
        "http://xn--bcher-kva.example/",
        "http://localhost.example.com/",
        "http://notlocalhost/",
        "http://127.0.0.1.example.com/",
        "https://example.com:65535/@path?q=@",
    ],
)
def test_a_name_is_judged_later_and_a_public_address_is_let_through(url: str) -> None:
    STRICT.check_url(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("gopher://example.com/", "only http and https"),
        ("example.com/v1", "only http and https"),
        ("//example.com/v1", "only http and https"),
        ("", "only http and https"),
        ("http+unix://%2Fsock/", "only http and https"),
        ("http://", "names no host"),
        ("http:///v1", "names no host"),
        ("http://:80/", "names no host"),
        ("http://user:hunter2@example.com/", "user or password"),
        ("http://hunter2@example.com/", "user or password"),
        ("http://@example.com/", "user or password"),
        ("http://example.com#hunter2", "fragment"),
        ("http://example.com/#", "fragment"),
        ("http://example.com:0/", "port 0"),
        ("http://example.com:65536/", "cannot be read"),
        ("http://user:hunter2", "cannot be read"),
        ("http://u:p@example.com:hunter2/", "cannot be read"),
        ("http://[::1/", "cannot be read"),
        ("http://[hunter2]/", "cannot be read"),
        ("http://exa mple.com/", "control character"),
        ("http://example.com/\r\nX-Evil: 1", "control character"),
        ("http://example.com/\n", "control character"),
        ("http://example.com/\t", "control character"),
        ("http://example.com/\0", "control character"),
        ("http://example.com/\x7f", "control character"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://127.0.0.1\u3002example.com/", "outside ASCII"),
        ("http://\u2460\u2461\u2466.0.0.1/", "outside ASCII"),
        ("http://b\u00fccher.example/", "outside ASCII"),
        ("http://example.com/" + "a" * MAX_URL, "longer than"),
    ],
)
def test_a_url_that_cannot_be_called_is_refused_and_not_repeated(url: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason) as told:
        LENIENT.check_url(url)
    assert "hunter2" not in str(told.value)
    assert told.value.__cause__ is None


@given(st.text(max_size=60), st.sampled_from(["", "http://", "https://", "http://[", "http://1", "http://a:"]))
def test_any_text_is_either_refused_or_names_a_host_and_a_port(text: str, start: str) -> None:
    try:
        host, port = host_and_port(start + text)
    except BadUrl:
        return
    assert host
    assert 0 < port < 65536


def test_the_port_is_that_of_the_scheme_unless_it_is_given() -> None:
    assert host_and_port("http://example.com") == ("example.com", 80)
    assert host_and_port("https://example.com/") == ("example.com", 443)
    assert host_and_port("https://[::1]:8080/") == ("::1", 8080)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_only_this_machine_reaches_its_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_others_reach_everything_else(host: str) -> None:
    assert not is_loopback(host)
