"""Which backend answers, as a table."""

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.router import Candidate, choose

LOCAL = Candidate(backend="local", radius="local")
PEER = Candidate(backend="peer", radius="trusted")
SWARM = Candidate(backend="swarm", radius="public")


def test_nearest_wins_whatever_the_order() -> None:
    assert choose([SWARM, PEER, LOCAL], "public").index == 2
    assert choose([SWARM, PEER], "public").index == 1


def test_first_wins_among_equals() -> None:
    assert choose([LOCAL, LOCAL], "local").index == 0


def test_reason_names_the_choice_and_the_alternatives() -> None:
    assert "local" in choose([LOCAL], "local").reason
    assert choose([SWARM, PEER, LOCAL], "trusted").reason == "local is the nearest (local) of 2 permitted ways, 3 known"


def test_what_the_radius_forbids_is_no_candidate() -> None:
    with pytest.raises(CrofterError) as caught:
        choose([PEER, SWARM], "local")
    assert caught.value.code is ErrorCode.FORBIDDEN


def test_no_engine_at_all_is_said() -> None:
    with pytest.raises(CrofterError) as caught:
        choose([], "public")
    assert caught.value.code is ErrorCode.UNSUPPORTED
