"""What handlers may use."""

from tests.served import Served


async def test_the_parts_of_a_daemon_are_there_and_nothing_drains(inferd: Served) -> None:
    parts = inferd.parts
    assert (parts.draining, len(parts.open), len(parts.store), list(parts.limits)) == (False, 0, 0, [])
    assert parts.connections() == {"leased": 0, "available": 0, "pending": 0}
    assert "sk-" not in repr(parts)
