"""Passphrases cost a thousandth of their time here, one test looks at the real cost; and a clock that tests move."""

from collections.abc import Generator

import pytest

from crofter.trust import identity_format
from tests.fakes import Clock


@pytest.fixture(scope="module", autouse=True)
def _cheap_passphrases() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_format, "_SCRYPT_LOG2_N", 10)
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()
