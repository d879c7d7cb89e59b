from collections.abc import Generator

import pytest

from tests.fake_hub import FakeHub


@pytest.fixture
def hub() -> Generator[FakeHub]:
    with FakeHub() as running:
        yield running
