"""``GET /``."""

from inferd import __version__
from tests.served import Served


async def test_clients_see_an_elasticsearch_and_people_inferd(inferd: Served) -> None:
    told = (await inferd.ask("GET", "/")).json
    assert told["version"]["number"] == inferd.parts.config.server.version
    assert (told["name"], told["version"]["build_type"], told["version"]["build_hash"]) == (
        "inferd", "inferd", __version__
    )  # fmt: skip
