"""Answers with long lists: written beside the loop, and sent in steps as the client takes them."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from inferd.aside import Aside
from inferd.rest import answer
from inferd.rest.media_type import JSON
from inferd.steps import LONG, joined, list_as_json


class LongAnswer(web.Response):
    """Like any answer, but the transport never holds more of its body than the client is about to read."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends the body; aiohttp calls this once, after the headers."""
        body = self.body
        if not isinstance(body, bytes) or len(body) <= LONG:
            return await super().write_eof(data)
        view = memoryview(body)
        for at in range(0, len(view), LONG):
            await self.write(view[at : at + LONG])
        await web.StreamResponse.write_eof(self)


async def listed(aside: Aside, name: str, items: Sequence[msgspec.Raw]) -> web.Response:
    """``{name: items}``, each item JSON already."""
    if sum(map(len, items)) <= LONG:
        return answer.json({name: items})
    body = await aside.run(_document, name, items)
    return LongAnswer(body=body, headers={**answer.PRODUCT, "Content-Type": JSON})


def _document(name: str, items: Sequence[msgspec.Raw]) -> bytes:
    return joined([b'{"%b":' % name.encode(), list_as_json(items), b"}"])
