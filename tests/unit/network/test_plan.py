"""When a peer is dead, decided without a clock."""

from hypothesis import given
from hypothesis import strategies as st

from crofter.network.plan import BEAT_SECONDS, DEAD_SECONDS, STALL_SECONDS, begun, frame_seconds, heard, woken

START = 100.0


def run(silent_from: float, seconds: float) -> list[tuple[float, str]]:
    """What is done at each waking, when the peer answers every beat until `silent_from`."""
    pulse, now, done = begun(START), START, list[tuple[float, str]]()
    while now < START + seconds:
        pulse, what = woken(pulse, now)
        done.append((now, what))
        if what == "dead":
            break
        if what == "beat" and now < silent_from:
            pulse = heard(pulse, now + 0.01)
        now = max(now, pulse.wake_at)
    return done


def test_one_beat_a_second_while_the_peer_answers() -> None:
    done = run(silent_from=1e9, seconds=10)
    assert [what for _, what in done] == ["beat"] * 10


@given(st.floats(START, START + 20))
def test_silence_is_noticed_within_four_seconds_wherever_it_begins(silent_from: float) -> None:
    at, what = run(silent_from, 60)[-1]
    assert what == "dead"
    assert at - silent_from <= 4.0


@given(st.lists(st.floats(0.0, DEAD_SECONDS, exclude_max=True), min_size=1, max_size=30))
def test_peer_that_is_heard_in_time_never_dies(gaps: list[float]) -> None:
    pulse, now = begun(START), START
    for gap in gaps:
        now += gap
        while pulse.wake_at < now:
            pulse, what = woken(pulse, pulse.wake_at)
            assert what != "dead"
        pulse = heard(pulse, now)


def test_node_that_stood_still_asks_once_more_before_it_blames_the_peer() -> None:
    pulse, _ = woken(begun(START), START)
    later = START + 3600
    pulse, what = woken(pulse, later)
    assert what == "beat"
    assert pulse.wake_at == later + BEAT_SECONDS
    assert woken(pulse, pulse.wake_at)[1] == "dead"
    assert woken(heard(pulse, later + 0.1), later + BEAT_SECONDS)[1] == "beat"


def test_waking_a_little_late_does_not_put_off_the_verdict() -> None:
    pulse = begun(START)
    for second in range(4):
        pulse, _ = woken(pulse, START + second * BEAT_SECONDS)
    assert woken(pulse, START + DEAD_SECONDS + STALL_SECONDS / 2)[1] == "dead"


def test_larger_frames_may_take_longer() -> None:
    assert frame_seconds(0) < frame_seconds(1024 * 1024) < 120
