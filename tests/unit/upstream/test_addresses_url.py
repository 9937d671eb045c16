"""URLs judged by their text: spellings of addresses, what is no URL to call, and what is never repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferd.upstream.addresses import MAX_URL, AddressPolicy, BadUrl, host_and_port

STRICT = AddressPolicy(private=False)
LENIENT = AddressPolicy(private=True)


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
