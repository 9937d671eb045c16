"""Vectors of float32, by numpy and orjson.

Both are loaded when they are first needed, which takes a tenth of a second and 20 MB: many daemons never see a vector.
"""

import os
import threading
from collections.abc import Sequence

# numpy comes with a library for matrices, which starts a thread for each processor and takes memory for each thread
# as it is loaded, unless told otherwise. Nothing here has matrices. Set now, while no other thread reads it.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

_loaded = threading.Event()


def is_loaded() -> bool:
    """Whether everything here is a matter of microseconds by now."""
    return _loaded.is_set()


def text(packed: bytes) -> bytes:
    """The little-endian float32 in ``packed`` as a JSON array, each the shortest decimal that reads back as the same.

    That is what Java's Float.toString does since JDK 19. ValueError for an infinite one and one that is no number.
    """
    import numpy
    import orjson

    numbers = numpy.frombuffer(packed, "<f4")
    if not _loaded.is_set():
        _loaded.set()
    written = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)
    # What is no finite number is written as null, and looked for here at a fraction of the cost.
    if b"n" in written:
        raise ValueError("[embedding] holds a value that is no finite number")
    return written


def mean(vectors: Sequence[Sequence[float]]) -> bytes:
    """The running mean of ``vectors`` as a JSON array, each weighing as much as any other.

    Rounded to float32 after each step, as Elasticsearch reckons (DenseEmbeddingFloatResults). ValueError for what is
    too large for that, and where lengths differ.
    """
    import numpy
    import orjson

    with numpy.errstate(over="ignore", invalid="ignore"):
        merged, *others = [numpy.array(vector, numpy.float32) for vector in vectors]
        for weight, vector in enumerate(others, 1):
            merged = (merged * numpy.float32(weight) + vector) / numpy.float32(weight + 1)
    if not numpy.isfinite(merged).all():
        raise ValueError("holds a value that is no finite number")
    return orjson.dumps(merged, option=orjson.OPT_SERIALIZE_NUMPY)
