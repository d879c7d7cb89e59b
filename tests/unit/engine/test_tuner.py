"""What the tuner tries and how it judges."""

from crofter.engine import Tuning
from crofter.engine.tuner import score, trials
from crofter.engine.wire import Measured

BASE = Tuning(threads=4, batch_threads=4, micro_batch_rows=512, flash_attention="auto", repack=True)


def measured(prefill: float, decode: float) -> Measured:
    return Measured(call=0, prefill_tokens_per_second=prefill, decode_tokens_per_second=decode)


def test_the_workload_decides_between_a_fast_reader_and_a_fast_writer() -> None:
    # A 1B model on two Zen 5 cores, without and with rewritten weights.
    reader, writer = measured(285, 28), measured(175, 39)
    assert score("chat", writer) > score("chat", reader)
    assert score("reading", reader) > score("reading", writer)


def test_each_trial_changes_something_and_none_repeats_the_base() -> None:
    for change in trials(BASE, 4):
        assert change
        assert all(getattr(BASE, field) != value for field, value in change.items())


def test_without_fused_attention_the_micro_batch_is_small_too() -> None:
    assert {"flash_attention": "off", "micro_batch_rows": 128} in trials(BASE, 4)


def test_no_trial_has_steps_too_short_for_an_image_that_needs_one_for_all_of_its_rows() -> None:
    for rows in (144, 256, 1120):
        tried = [change["micro_batch_rows"] for change in trials(BASE, 4, rows) if "micro_batch_rows" in change]
        assert tried == [256][: rows <= 256]
        assert not any("flash_attention" in change for change in trials(BASE, 4, rows))


def test_a_single_core_is_not_asked_to_use_none() -> None:
    assert all(change.get("threads") != 0 for change in trials(BASE, 1))
