from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import aiohttp

READY_STATE_CONNECTING: int
READY_STATE_OPEN: int
READY_STATE_CLOSED: int

class MessageEvent:
    type: str | None
    message: str
    data: str
    origin: str
    last_event_id: str

class EventSource:
    def __init__(
        self,
        url: str,
        option: Mapping[str, str] | None = ...,
        reconnection_time: timedelta = ...,
        max_connect_retry: int = ...,
        session: aiohttp.ClientSession | None = ...,
        on_open: Callable[[], None] | None = ...,
        on_message: Callable[[MessageEvent], None] | None = ...,
        on_error: Callable[[], None] | None = ...,
        *,
        data: bytes = ...,
        json: object = ...,
        headers: dict[str, str] = ...,
        params: Mapping[str, str] = ...,
        allow_redirects: bool = ...,
        raise_for_status: bool | Callable[[aiohttp.ClientResponse], Awaitable[None]] = ...,
    ) -> None: ...
    async def __aenter__(self) -> EventSource: ...
    async def __aexit__(self, *exc: object) -> None: ...
    @property
    def ready_state(self) -> int: ...
    def __aiter__(self) -> EventSource: ...
    async def __anext__(self) -> MessageEvent: ...
    async def connect(self, retry: int = ...) -> None: ...
    async def close(self) -> None: ...
