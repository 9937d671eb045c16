"""What Elasticsearch's clients are told about the one node there is."""

# inferd is one process and has no cluster: node and cluster have its name.
NODE = "inferd"


def heading() -> dict[str, object]:
    """What every answer about nodes begins with (BaseNodesResponse)."""
    return {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": NODE}
