"""The table from error codes to HTTP."""

import pytest

from crofter.api.errors import STATUS_AND_TYPE, error_headers, status_of
from crofter.core import Blame, CrofterError, ErrorCode


def test_every_code_has_a_status() -> None:
    assert set(STATUS_AND_TYPE) == set(ErrorCode)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_blame_and_status_agree(code: ErrorCode) -> None:
    status = status_of(CrofterError(code, "x"))
    if code is ErrorCode.NODE_NOT_RUNNING:
        assert status == 503
    else:
        assert (status < 500) == (code.blame is Blame.CALLER)


@pytest.mark.parametrize("code", [code for code in ErrorCode if status_of(CrofterError(code, "x")) in {429, 503}])
def test_waiting_is_advised_in_whole_seconds(code: ErrorCode) -> None:
    assert error_headers(CrofterError(code, "x", retry_after_seconds=0.2)) == [(b"retry-after", b"1")]
