"""All of it in virtual time: the network is in memory."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.virtual_time import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return VIRTUAL_TIME
