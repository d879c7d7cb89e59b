from crofter.core import shown_size
from crofter.engine.fit import DeviceNeed, MemoryNeed
from crofter.engine.verdict import Fit


def fit(needed: int, free: int, context: int = 8192, most: int = 8192) -> Fit:
    need = MemoryNeed(host=DeviceNeed(weights_bytes=needed // 2, kv_bytes=needed - needed // 2))
    return Fit(
        need=need,
        free_bytes=free,
        wanted_tokens=8192,
        context_tokens=context,
        kv_tokens=context,
        most_context_tokens=most,
    )


def test_what_fits_needs_no_advice() -> None:
    assert (fit(100, 200).fits, fit(100, 200).verdict, fit(100, 200).advice) == (True, "fits", "")


def test_a_shorter_context_is_named_and_the_longest_that_could_be_had() -> None:
    shorter = fit(100, 200, context=4096, most=6144)
    assert shorter.verdict == "fits with a context of 4,096"
    assert "up to 6144" in shorter.advice


def test_what_does_not_fit_is_told_in_numbers_with_a_way_out() -> None:
    too_large = fit(9_100_000_000, 6_200_000_000, most=0)
    assert too_large.verdict == "needs 9.1 GB, 6.2 GB free"
    assert "its weights may have 1.6 GB" in too_large.advice
    assert "a context of 2048 or less" in fit(300, 200, most=2048).advice
    assert "there is room for none" in fit(900, 100, most=0).advice


def test_sizes_are_short() -> None:
    assert [shown_size(count) for count in (-5, 999, 1_500, 2_497_280_256)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "2.5 GB",
    ]
