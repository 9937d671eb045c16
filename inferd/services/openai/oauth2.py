"""Access tokens by OAuth2 client credentials: fetched once for all who wait, kept while they are good.

Elasticsearch's OAuth2TokenFetcher and OpenAiOAuth2Applier. A token is asked for over the same connections and under
the same address policy as everything else, but takes no place at the endpoint's limit: it is not the provider's model
that answers. It is asked for once, because wrong credentials tried again and again lock a client out.
"""

import asyncio
from collections import OrderedDict

from inferd.errors import UpstreamUnreachable
from inferd.schema.inference import Call
from inferd.services.openai.token_request import Credentials, NoToken, Token, no_answer, token_in, token_request
from inferd.upstream.client import Response, Trouble
from inferd.upstream.sender import Sender

# Seconds a token endpoint may take: those who wait leave at their own deadline, the fetch goes on for who comes next.
FETCH_TIME = 30.0

# Bytes read of its answer. Tokens with many claims have some kilobytes.
MAX_ANSWER = 64 * 1024

# Tokens kept at most, the oldest dropped: more than anyone has providers.
MAX_TOKENS = 1_000


class Tokens:
    """The tokens of all endpoints that have OAuth2 settings."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        # With the moment, by the loop's clock, from which a token is no longer used.
        self._kept: OrderedDict[Credentials, tuple[str, float]] = OrderedDict()
        self._fetches: dict[Credentials, asyncio.Task[str]] = {}

    async def token(self, call: Call) -> str:
        """A token for ``call``; RequestTimedOut at its deadline.

        UpstreamRefusal if the token endpoint refuses or answers nonsense, UpstreamUnreachable if it cannot be
        reached, StatusFailure 400 if its address is not allowed.
        """
        credentials = Credentials.of(call)
        value, until = self._kept.get(credentials, ("", 0.0))
        if asyncio.get_running_loop().time() < until:
            return value
        fetch = self._fetch_of(credentials)
        try:
            async with asyncio.timeout_at(call.deadline.at):
                # Unlike awaiting the task itself, this does not take it away from the others when one leaves.
                await asyncio.wait({fetch})
        except TimeoutError:
            raise call.deadline.failure(call.inference_id) from None
        try:
            return fetch.result()
        except NoToken as why:
            failure = why.failure(call.inference_id)
            if not call.is_trial:
                self._sender.standings.ill(call.inference_id, failure)
            raise failure from None

    def drop(self, call: Call, value: str) -> None:
        """The upstream would not have the token ``value``; a newer one stays."""
        credentials = Credentials.of(call)
        if credentials in self._kept and self._kept[credentials][0] == value:
            del self._kept[credentials]

    def _fetch_of(self, credentials: Credentials) -> "asyncio.Task[str]":
        fetch = self._fetches.get(credentials)
        if fetch is None:
            fetch = self._fetches[credentials] = asyncio.create_task(self._fetched(credentials))
            fetch.add_done_callback(_heard)
        return fetch

    async def _fetched(self, credentials: Credentials) -> str:
        began = asyncio.get_running_loop().time()
        try:
            token = await self._asked(credentials)
        finally:
            del self._fetches[credentials]
        self._kept.pop(credentials, None)
        self._kept[credentials] = token.value, began + token.lifetime
        if len(self._kept) > MAX_TOKENS:
            self._kept.popitem(last=False)
        return token.value

    async def _asked(self, credentials: Credentials) -> Token:
        try:
            async with asyncio.timeout(FETCH_TIME):
                response = await self._sender.client.send(token_request(credentials))
                try:
                    body = await _beginning(response)
                finally:
                    response.close()
        except TimeoutError:
            cause = f"the token URL did not answer within {FETCH_TIME:g} seconds"
            raise NoToken(cause, lambda reason: UpstreamUnreachable(reason, 504)) from None
        except Trouble as trouble:
            raise no_answer(trouble, credentials) from None
        return token_in(response.status, response.headers, body, credentials)


async def _beginning(response: Response) -> bytes:
    body = b""
    while len(body) <= MAX_ANSWER and (part := await response.read()):
        body += part
    return body


def _heard(fetch: "asyncio.Task[str]") -> None:
    """Everyone who waited may have left: then nobody else would look at how it ended."""
    if not fetch.cancelled():
        fetch.exception()
