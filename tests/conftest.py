"""What every test shares: asyncio is the one event loop that Crofter runs on."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
