"""The one node."""

from inferd.rest.node import NODE, heading


def test_one_node_answers_for_all() -> None:
    assert heading() == {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": NODE}
