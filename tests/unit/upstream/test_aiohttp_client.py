"""The aiohttp client: what goes out, what comes back, and where nobody is called; on both loops, on real sockets."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from inferd.upstream import aiohttp_client
from inferd.upstream.addresses import AddressPolicy
from inferd.upstream.aiohttp_client import AiohttpResponse
from inferd.upstream.client import Broken, HostUnknown, Refused, Trouble, Unreachable, Untrusted
from tests import scripted_upstream as script
from tests.scripted_upstream import answer, chunk, scripted
from tests.unit.upstream import certificate
from tests.unit.upstream.sending import HEAD, OK, asked, client, either, left, request, until, whole


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> None:
    """Lets every name resolve to each of ``answers`` in turn, to the last one for good."""
    turns = list(answers)

    async def resolve(
        self: ThreadedResolver, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = turns.pop(0) if len(turns) > 1 else turns[0]
        return [ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0) for each in found]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)


@either
async def test_a_request_goes_out_as_it_was_given() -> None:
    async with scripted([OK]) as upstream, client() as sender:
        url = f"http://{upstream.address}/a/../b%7e%2f;p?x=%7E&y=a+b&z={{}}|"
        headers = (("X-Second", "2"), ("Authorization", "Bearer k"), ("User-Agent", "u"), ("Accept-Encoding", "e"))
        response = await sender.send(request(url, *headers, body=b"\0\xff"))
        assert (response.status, response.headers["content-LENGTH"], await whole(response)) == (200, "2", b"ok")
    (received,) = upstream.received
    start, *lines = received.head.decode().rstrip().split("\r\n")
    assert start == "POST /a/../b%7e%2f;p?x=%7E&y=a+b&z={}| HTTP/1.1"
    assert [line for line in lines if not line.startswith(("Accept:", "Content-Type:"))] == [
        f"Host: {upstream.address}",
        "X-Second: 2",
        "Authorization: Bearer k",
        "User-Agent: u",
        "Accept-Encoding: e",
        "Content-Length: 2",
    ]
    assert received.body == b"\0\xff"


@either
async def test_connections_are_used_again_and_counted() -> None:
    async with scripted([OK]) as upstream, client() as sender:
        for _ in range(3):
            response = await sender.send(request(upstream.url))
            assert await whole(response) == b"ok"
            assert sender.stats() == {"leased": 0, "available": 1, "pending": 0}
        assert upstream.connections == 1


@either
@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
async def test_redirects_are_answers_and_nobody_follows_them(status: str) -> None:
    async with scripted([OK]) as canary, client() as sender:
        where = f"Location: {canary.url}\r\n".encode()
        async with scripted([answer(b"elsewhere", status, where)]) as upstream:
            response = await sender.send(request(upstream.url))
            assert (response.status, await whole(response)) == (int(status[:3]), b"elsewhere")
    assert canary.connections == 0


@either
async def test_an_encoded_body_comes_as_it_was_sent() -> None:
    async with scripted([answer(b"\x1f\x8b no gzip", headers=b"Content-Encoding: gzip\r\n")]) as upstream:
        async with client() as sender:
            assert await asked(sender, upstream.url) == b"\x1f\x8b no gzip"


@either
async def test_cookies_are_not_kept() -> None:
    async with scripted([answer(b"ok", headers=b"Set-Cookie: a=b\r\n")]) as upstream, client() as sender:
        await asked(sender, upstream.url)
        await asked(sender, upstream.url)
    assert b"cookie" not in upstream.received[1].head.lower()


@either
@pytest.mark.parametrize("deed", [script.close, script.reset])
async def test_of_many_stale_connections_one_is_tried_and_then_a_new_one(deed: script.Deed) -> None:
    async with scripted([OK], [OK], [OK], [deed], [OK]) as upstream, client() as sender:
        responses = await asyncio.gather(*(sender.send(request(upstream.url)) for _ in range(3)))
        for response in responses:
            await whole(response)
        assert sender.stats()["available"] == 3
        assert await asked(sender, upstream.url) == b"ok"
        assert (len(upstream.received), upstream.connections) == (5, 4)
        assert upstream.received[3].body == upstream.received[4].body


async def test_what_came_before_a_failure_is_handed_over_however_late_it_is_read() -> None:
    said = b"".join(chunk(b"%04d" % number) for number in range(500))
    async with scripted([HEAD, said, script.close]) as upstream, client(stream_buffer=65536) as sender:
        response = await sender.send(request(upstream.url))
        assert isinstance(response, AiohttpResponse)
        await until(lambda: response._response.content.exception() is not None)
        body = b""
        with pytest.raises(Broken):
            while part := await response.read():
                body += part
        assert body == b"".join(b"%04d" % number for number in range(500))
        response.close()


@either
async def test_a_port_where_nobody_listens_is_told_in_the_system_s_words() -> None:
    with script.refusing() as url:
        async with client() as sender:
            with pytest.raises(Unreachable, match=r"^Connection refused$") as trouble:
                await sender.send(request(url))
    assert trouble.value.again


@either
async def test_connecting_has_an_end() -> None:
    async with scripted([script.stall]) as upstream, client(connect_timeout=0.05) as sender:
        with pytest.raises(Unreachable, match="connect_timeout"):
            await sender.send(request(f"https://{upstream.address}/"))
        await left(upstream)


@either
async def test_over_tls_all_is_the_same(tmp_path: Path) -> None:
    file = certificate.write(tmp_path)
    tls = certificate.server_context(file)
    async with scripted([OK], [HEAD, chunk(b"o"), chunk(b"k"), script.LAST_CHUNK], tls=tls) as upstream:
        async with client(ca_file=str(file)) as sender:
            for _ in range(2):
                assert await asked(sender, upstream.url) == b"ok"
        assert upstream.connections == 1


@either
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    tls = certificate.server_context(certificate.write(tmp_path))
    async with scripted([OK], tls=tls) as upstream, client() as sender:
        with pytest.raises(Untrusted, match="certificate is not trusted: self.signed certificate"):
            await sender.send(request(upstream.url))
    assert upstream.received == []


@either
async def test_a_plain_answer_to_tls_is_told() -> None:
    async with scripted([OK]) as upstream, client() as sender:
        reader_says_rubbish = asyncio.create_task(sender.send(request(f"https://{upstream.address}/")))
        await upstream.settled(lambda upstream: upstream.connections == 1)
        await upstream.end()
        with pytest.raises(Unreachable):
            await reader_says_rubbish


@either
@pytest.mark.parametrize("host", ["nosuch.invalid", "a..b.example", "a" * 64 + ".example"])
async def test_a_name_that_does_not_resolve_is_unknown(host: str) -> None:
    async with client() as sender:
        with pytest.raises(HostUnknown):
            await sender.send(request(f"http://{host}/"))


@either
@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1/",
        "http://127.0.0.1/\r\nX-Evil: 1",
        "http://127.0.0.1/\0",
        "ftp://127.0.0.1/",
        "http:///",
        "http://169.254.169.254/",
        "http://0xa9fea9fe/",
    ],
)
async def test_a_url_that_must_not_be_called_is_refused_and_not_repeated(url: str) -> None:
    async with client() as sender:
        with pytest.raises(Refused) as trouble:
            await sender.send(request(url))
    assert "hunter2" not in str(trouble.value)


@either
@pytest.mark.parametrize("header", [("X", "a\r\nX-Evil: 1"), ("X", "a\n"), ("X\r\n", "a"), ("X", "a\0b")])
async def test_a_header_that_would_be_two_is_refused(header: tuple[str, str]) -> None:
    async with scripted([OK]) as upstream, client() as sender:
        with pytest.raises(Refused, match="a header cannot be sent"):
            await sender.send(request(upstream.url, header))
        assert upstream.received == []
        assert sender.stats()["leased"] == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1"])
async def test_a_name_that_leads_where_nobody_may_go_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, [address])
    async with scripted([OK]) as upstream, client(AddressPolicy(private=False)) as sender:
        with pytest.raises(Refused, match="not allowed"):
            await sender.send(request(f"http://innocent.example:{upstream.address.rpartition(':')[2]}/"))
        assert upstream.connections == 0


async def test_of_several_addresses_those_that_are_refused_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted([OK]) as upstream, scripted([OK]) as canary:
        resolving(monkeypatch, ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::1"])
        async with client(AddressPolicy(private=False, allow=[upstream.address])) as sender:
            port = upstream.address.rpartition(":")[2]
            assert await asked(sender, f"http://mixed.example:{port}/") == b"ok"
            port = canary.address.rpartition(":")[2]
            with pytest.raises(Refused):
                await sender.send(request(f"http://mixed.example:{port}/"))
    assert canary.connections == 0


async def test_a_name_that_leads_elsewhere_the_next_time_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_client, "_NAMES_KEPT", 0)
    resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    async with scripted([OK, script.close]) as upstream:
        async with client(AddressPolicy(private=False, allow=[upstream.address])) as sender:
            url = f"http://rebinding.example:{upstream.address.rpartition(':')[2]}/"
            assert await asked(sender, url) == b"ok"
            await left(upstream)
            with pytest.raises(Refused):
                await sender.send(request(url))


async def test_an_address_is_judged_where_it_is_connected_to_whatever_the_resolver_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scripted([OK]) as upstream, client(AddressPolicy(private=False)) as sender:
        port = int(upstream.address.rpartition(":")[2])

        async def resolve(*_: object, **__: object) -> list[ResolveResult]:
            return [
                ResolveResult(hostname="h", host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
            ]

        monkeypatch.setattr(aiohttp_client._Resolver, "resolve", resolve)
        with pytest.raises(Refused, match="not allowed"):
            await sender.send(request(f"http://poisoned.example:{port}/"))
    assert upstream.connections == 0


@either
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted([OK]) as upstream, scripted([OK]) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.address}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        async with client() as sender:
            assert await asked(sender, upstream.url) == b"ok"
    assert proxy.connections == 0


async def test_what_aiohttp_says_of_a_broken_answer_is_told_by_its_kind_alone() -> None:
    trouble: Trouble = aiohttp_client._trouble(aiohttp.ClientError("Bearer hunter2"))
    assert isinstance(trouble, Broken)
    assert str(trouble) == "the answer is not valid HTTP: ClientError"


@either
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([script.close], "the connection was closed before an answer came"),
        ([b"H", script.pause(0.05), script.close], "the answer broke off"),
    ],
)
async def test_a_connection_that_is_lost_is_told_by_how_far_the_answer_had_come(
    said: script.Script, told: str
) -> None:
    async with scripted(said) as upstream, client() as sender:
        with pytest.raises(Trouble) as trouble:
            await sender.send(request(upstream.url))
    assert str(trouble.value) == told
