"""``GET /``: the document by which Elastic's clients know an Elasticsearch."""

from inferd import __version__
from inferd.rest import answer
from inferd.rest.answer import Answer
from inferd.rest.node import NODE
from inferd.rest.request import Request


async def handle(request: Request) -> Answer:
    """Says 9.5.0 where clients look, and inferd where people look."""
    version = request.parts.config.server.version
    return answer.json(
        {
            "name": NODE,
            "cluster_name": NODE,
            "cluster_uuid": NODE,
            "version": {
                "number": version,
                "build_flavor": "default",
                "build_type": "inferd",
                "build_hash": __version__,
                "build_snapshot": False,
                "minimum_wire_compatibility_version": "8.19.0",
                "minimum_index_compatibility_version": "8.0.0",
            },
            "tagline": "You Know, for Inference",
        }
    )
