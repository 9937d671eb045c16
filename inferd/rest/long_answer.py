"""Answers with long lists: written beside the loop, and sent in steps as the client takes them."""

from collections.abc import Sequence

import msgspec

from inferd.aside import Aside
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.http import Http
from inferd.rest.media_type import JSON
from inferd.steps import LONG, joined, list_parts

# Bytes of JSON that take a tenth of a millisecond to put together, less than the way to a thread and back; and those
# that an item counts for besides its own, since the shortest takes its time, too.
QUICK = 1024 * 1024
ITEM = 1024


class LongAnswer(Answer):
    """Like any answer, but the transport never holds more of its body than the client is about to read."""

    async def prepare(self, http: Http) -> None:
        """See Answer."""
        if self.prepared or len(self.body) <= LONG:
            return await super().prepare(http)
        http.write(self.head(http, len(self.body)))
        view = memoryview(self.body)
        for at in range(0, len(view), LONG):
            if not http.write(view[at : at + LONG]):
                await http.drain()


async def listed(aside: Aside, name: str, items: Sequence[msgspec.Raw], member: str = "") -> Answer:
    """``{name: items}``, each item JSON already; with ``member``, each of them that member of an object."""
    if sum(map(len, items), ITEM * len(items)) <= QUICK:
        return answer.json({name: [{member: item} for item in items] if member else items})
    body = await aside.run(_document, name, items, member)
    return LongAnswer(body=body, headers={**answer.PRODUCT, "Content-Type": JSON})


def _document(name: str, items: Sequence[msgspec.Raw], member: str) -> bytes:
    before, after = (b'{"%b":' % member.encode(), b"}") if member else (b"", b"")
    return joined([b'{"%b":' % name.encode(), *list_parts(items, before, after), b"}"])
