"""Little-endian float32 as JSON text; importing this loads numpy and orjson, a tenth of a second and 20 MB.

orjson writes a numpy array of float32 in the shortest decimals that read back as the same float32, as Java's
Float.toString does since JDK 19, in a tenth of the time that it takes to find them in Python.
"""

import numpy
import orjson


def text(packed: bytes) -> bytes:
    """The numbers in ``packed`` as a JSON array; ValueError for an infinite one and for one that is no number."""
    numbers = numpy.frombuffer(packed, "<f4")
    if not numpy.isfinite(numbers).all():
        raise ValueError("[embedding] holds a value that is no finite number")
    return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)
