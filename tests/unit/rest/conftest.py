"""What tests of the routes share."""

import pytest

from tests.unit.rest.sources import PipedSource, Source


@pytest.fixture(params=[Source, PipedSource])
def source(request: pytest.FixtureRequest) -> Source:
    """What the streams of a test bring."""
    made: Source = request.param()
    return made
