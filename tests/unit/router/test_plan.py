"""Which backend answers, as a table."""

import pytest

from crofter.core import CrofterError, ErrorCode, Intent, Radius, Way
from crofter.router import RouterSettings, choose

LOCAL = Way(backend="local")
PEER = Way(backend="peer", radius="trusted", ran_on=("peer",))
SWARM = Way(backend="swarm", radius="public", ran_on=("swarm",))
SETTINGS = RouterSettings()


def chosen(ways: list[Way], radius: Radius) -> int:
    return choose(ways, Intent(radius=radius), SETTINGS).index


def refusal(ways: list[Way], intent: Intent, settings: RouterSettings = SETTINGS) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        choose(ways, intent, settings)
    return caught.value


def test_nearest_wins_whatever_the_order() -> None:
    assert chosen([SWARM, PEER, LOCAL], "public") == 2
    assert chosen([SWARM, PEER], "public") == 1


def test_a_way_with_an_obstacle_is_gone_only_where_there_is_no_other() -> None:
    full = Way(backend="local", obstacle="it needs 9 GB")
    assert chosen([full, PEER], "trusted") == 1
    assert chosen([full], "trusted") == 0


def test_what_does_not_fit_here_and_may_not_travel_is_refused_with_both_reasons() -> None:
    error = refusal([Way(backend="local", obstacle="it needs 9 GB here"), PEER], Intent(radius="local"))
    assert error.code is ErrorCode.FORBIDDEN
    assert error.message.startswith("it needs 9 GB here; elsewhere this model runs on peer")
    assert "--radius trusted" in error.message


def test_readers_keep_the_words_nearer_than_the_radius() -> None:
    route = Way(backend="route", radius="trusted", readers="local", ran_on=("a", "b"))
    assert choose([PEER, route], Intent(radius="trusted", readers="local"), SETTINGS).index == 1
    error = refusal([PEER], Intent(radius="trusted", readers="local"))
    assert error.parameter == "x-crofter-readers"


def test_readers_never_reach_further_than_the_radius() -> None:
    assert refusal([SWARM], Intent(radius="trusted", readers="public")).parameter == "x-crofter-radius"


def test_first_wins_among_equals() -> None:
    assert chosen([LOCAL, LOCAL], "local") == 0


def test_reason_names_the_choice_and_the_alternatives() -> None:
    assert "local" in choose([LOCAL], Intent(), SETTINGS).reason
    reason = choose([SWARM, PEER, LOCAL], Intent(radius="trusted"), SETTINGS).reason
    assert reason == "local is the nearest (local) of 2 permitted ways, 3 known"


def test_what_the_radius_forbids_is_no_candidate() -> None:
    error = refusal([PEER, SWARM], Intent(radius="local"))
    assert error.code is ErrorCode.FORBIDDEN
    assert "x-crofter-radius: trusted" in error.message
    assert "--radius trusted" in error.message
    assert "router.radius trusted" in error.message


def test_a_request_that_says_nothing_goes_as_far_as_the_settings_say() -> None:
    assert refusal([PEER], Intent()).code is ErrorCode.FORBIDDEN
    assert choose([PEER], Intent(), RouterSettings(radius="trusted")).index == 0


def test_neither_header_nor_setting_goes_beyond_the_key() -> None:
    error = refusal([SWARM], Intent(radius="public", limit="trusted"), RouterSettings(radius="public"))
    assert "API key allows trusted" in error.message


def test_nothing_goes_beyond_the_owners_ceiling() -> None:
    error = refusal([SWARM], Intent(radius="public"), RouterSettings(radius="public", ceiling="local"))
    assert "router.ceiling, local" in error.message
    assert choose([SWARM, LOCAL], Intent(radius="public"), RouterSettings(ceiling="local")).index == 1


def test_no_engine_at_all_is_said() -> None:
    assert refusal([], Intent(radius="public")).code is ErrorCode.UNSUPPORTED
