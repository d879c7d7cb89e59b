"""What every test shares: asyncio is the one event loop that Crofter runs on, in virtual time where a test asks for it."""

import pytest

from tests.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return VIRTUAL_TIME if request.node.get_closest_marker("virtual_time") else "asyncio"
