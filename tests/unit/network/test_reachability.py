"""What follows from what observers see."""

import pytest

from crofter.network import Sighting, Verdict, explained, judged

HERE = ("192.168.1.5:7412", "[2a00:1::5]:7412")
FIRST, SECOND, THIRD = "8.8.8.8:7412", "9.9.9.9:7412", "1.1.1.1:7412"
OUTSIDE, ELSEWHERE = "5.5.5.5:40001", "5.5.5.5:40002"


def verdict(*said: tuple[str, str], own: tuple[str, ...] = HERE) -> Verdict:
    return judged([Sighting(observer=observer, seen=seen) for observer, seen in said], own)


def test_nothing_follows_from_nothing() -> None:
    assert verdict() == Verdict()


def test_one_observer_gives_an_address_to_try_but_no_kind() -> None:
    found = verdict((FIRST, OUTSIDE))
    assert (found.kind, found.announce, found.observers) == ("unknown", (OUTSIDE,), 1)


def test_two_that_agree_tell_of_a_router_that_others_can_come_through() -> None:
    found = verdict((FIRST, OUTSIDE), (SECOND, OUTSIDE))
    assert (found.kind, found.seen, found.announce, found.observers) == ("mapped", (OUTSIDE,), (OUTSIDE,), 2)


def test_two_on_one_host_are_one() -> None:
    found = verdict((FIRST, OUTSIDE), ("8.8.8.8:9", OUTSIDE))
    assert (found.kind, found.observers) == ("unknown", 1)


def test_two_that_see_different_addresses_tell_of_a_symmetric_router_and_nothing_is_announced() -> None:
    found = verdict((FIRST, OUTSIDE), (SECOND, ELSEWHERE))
    assert (found.kind, found.seen, found.announce) == ("symmetric", (OUTSIDE, ELSEWHERE), ())


def test_a_liar_is_outvoted() -> None:
    found = verdict((THIRD, "6.6.6.6:1"), (FIRST, OUTSIDE), (SECOND, OUTSIDE))
    assert (found.kind, found.seen[0], found.announce) == ("mapped", OUTSIDE, (OUTSIDE,))


@pytest.mark.parametrize("observers", [(FIRST,), (FIRST, SECOND)])
def test_ones_own_address_is_open(observers: tuple[str, ...]) -> None:
    found = verdict(*((observer, OUTSIDE) for observer in observers), own=(OUTSIDE,))
    assert (found.kind, found.announce) == ("open", ())


def test_a_liar_does_not_make_an_open_node_symmetric() -> None:
    found = verdict((FIRST, OUTSIDE), (SECOND, ELSEWHERE), own=(OUTSIDE,))
    assert found.kind == "unknown"


def test_ipv4_and_ipv6_are_judged_apart_and_ipv4_decides() -> None:
    six, other_six = "[2001:4860::8]:7412", "[2620:fe::9]:7412"
    found = verdict((six, HERE[1]), (other_six, HERE[1]), (FIRST, OUTSIDE), (SECOND, OUTSIDE))
    assert (found.kind, found.announce, found.observers) == ("mapped", (OUTSIDE,), 4)
    assert verdict((six, HERE[1]), (other_six, HERE[1])).kind == "open"


@pytest.mark.parametrize(
    ("observer", "seen"),
    [
        (FIRST, "192.168.1.5:7412"),
        (FIRST, "127.0.0.1:7412"),
        (FIRST, "169.254.1.1:7412"),
        (FIRST, "100.64.0.1:7412"),
        (FIRST, "[2a00:1::5]:7412"),
        (FIRST, "0.0.0.0:7412"),
        (FIRST, "224.0.0.251:5353"),
        (FIRST, "240.0.0.1:1"),
        (FIRST, "5.5.5.5:0"),
        (FIRST, "5.5.5.5:70000"),
        (FIRST, "5.5.5.5"),
        (FIRST, "example.org:1"),
        (FIRST, ""),
        ("192.168.1.1:7412", OUTSIDE),
        ("127.0.0.1:7412", "192.168.1.5:7412"),
        ("http://relay:1/", OUTSIDE),
    ],
)
def test_what_cannot_be_true_counts_for_nothing(observer: str, seen: str) -> None:
    assert verdict((observer, seen)) == Verdict()


def test_a_private_network_sees_private_addresses() -> None:
    found = verdict(("10.0.0.1:7412", "10.0.0.9:4000"), ("10.0.0.2:7412", "10.0.0.9:4000"))
    assert (found.kind, found.announce) == ("mapped", ("10.0.0.9:4000",))


def test_few_addresses_are_announced_however_many_are_said() -> None:
    said = [(f"8.8.{number}.{side}:1", f"5.5.5.{number}:1") for number in range(9) for side in (1, 2)]
    assert len(verdict(*said).announce) == 4


@pytest.mark.parametrize("relay", [None, "http://192.0.2.1:7412"])
@pytest.mark.parametrize(
    "found",
    [
        verdict(),
        verdict((FIRST, OUTSIDE)),
        verdict((FIRST, OUTSIDE), (SECOND, OUTSIDE)),
        verdict((FIRST, OUTSIDE), (SECOND, ELSEWHERE)),
        verdict((FIRST, OUTSIDE), own=(OUTSIDE,)),
    ],
)
def test_every_verdict_has_plain_words(found: Verdict, relay: str | None) -> None:
    finding, advice = explained(found, relay=relay)
    assert all(seen in finding for seen in found.seen)
    assert bool(advice) == (found.kind in {"unknown", "symmetric"})
