"""What was sent is kept by its step, within its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from crofter.cluster.journal import Journal
from crofter.cluster.wire import Frame


def frame(step: int, size: int = 10) -> Frame:
    return Frame(kind="rows", session_id=bytes(16), epoch=1, step=step, payload=bytes(size))


def test_frames_are_found_by_their_step() -> None:
    journal = Journal(1_000)
    for step in range(5):
        journal.add(frame(step))
    assert journal.find(3) == frame(3)
    assert journal.find(5) is None
    assert journal.since(3) == (frame(3), frame(4))
    assert journal.since(7) is None


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_oldest_go_first_and_bytes_are_bounded(sizes: list[int]) -> None:
    journal = Journal(100)
    for step, size in enumerate(sizes):
        journal.add(frame(step, size))
        assert journal.size_bytes <= 100
    kept = [step for step in range(len(sizes)) if journal.find(step)]
    assert kept == list(range(kept[0], len(sizes)))
    assert journal.size_bytes == sum(sizes[step] for step in kept)
    assert kept[0] == 0 or journal.size_bytes + sizes[kept[0] - 1] > 100


def test_frame_larger_than_the_journal_is_kept_while_it_is_the_newest() -> None:
    journal = Journal(5)
    journal.add(frame(0))
    assert journal.find(0) == frame(0)
    journal.add(frame(1))
    assert journal.find(0) is None
