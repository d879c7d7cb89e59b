"""A benchmark that says yes when a bound is missed is worse than none."""

from bench.report import Row, ratios, rows, table

GOOD = {
    "decode_node": 99.0, "decode_bare": 100.0, "prefill_node": 98.0, "prefill_bare": 100.0,
    "ttft_short_node_ms": 65.0, "ttft_short_bare_ms": 60.0, "ttft_short_extra_ms": 5.0,
    "ttft_node_ms": 500.0, "ttft_bare_ms": 495.0, "ttft_extra_ms": 5.0, "ttft_again_ms": 10.0, "prefix_ttft_gain": 50.0,
    "batched_node": 190.0, "batched_bare": 200.0, "batched_gain_node": 2.5, "batched_gain_bare": 2.6,
    "gap_longest_ms": 60.0, "gap_usual_ms": 20.0, "gap_limit_ms": 70.0, "chunk_ms": 30.0, "node_idle_mb": 60.0,
    "worker_extra_mb": 150.0, "worker_mb": 700.0, "weights_mb": 300.0, "kv_mb": 250.0,
}  # fmt: skip


def verdicts(changes: dict[str, float]) -> dict[str, bool]:
    return {row.name: row.good for row in rows(GOOD | changes)}


def test_all_bounds_met_gives_only_yes():
    assert all(verdicts({}).values())


def test_each_missed_bound_is_told_apart():
    missed = {
        "decode, tokens/s": {"decode_node": 96.0},
        "prefill, tokens/s": {"prefill_node": 96.0},
        "first token, short prompt, ms": {"ttft_short_extra_ms": 10.1},
        "first token, 512-token prompt, ms": {"ttft_extra_ms": 10.1},
        "8 streams, tokens/s": {"batched_node": 179.0},
        "8 streams, gain over one by one": {"batched_gain_node": 1.9},
        "first token again, ms": {"prefix_ttft_gain": 19.0},
        "longest gap beside reading, ms": {"gap_longest_ms": 71.0},
        "node idle, MB": {"node_idle_mb": 151.0},
        "worker over weights and KV, MB": {"worker_extra_mb": 201.0},
    }
    for name, change in missed.items():
        assert [row for row, good in verdicts(change).items() if not good] == [name]


def test_tuned_reading_is_held_against_llama_bench_where_that_ran():
    figures = GOOD | {
        "prefill_tuned_node": 150.0, "prefill_untuned_node": 75.0, "llama_bench_prefill": 120.0, "llama_bench_decode": 90.0,
        "llama_bench_node_prefill": 120.0, "llama_bench_node_decode": 90.0,
        "deep_decode_tuned": 45.0, "deep_decode_plain": 30.0,
    }  # fmt: skip

    reading, chat = rows(figures)[-2:]

    assert (reading.ratio, reading.good) == (1.25, False)
    assert (chat.ratio, chat.good) == (1.5, True)


def test_ratios_are_the_worst_of_the_models():
    slower = GOOD | {"decode_node": 50.0, "prefix_ttft_gain": 21.0}

    assert ratios({"0.5b": GOOD, "1b": slower}) == {"decode": 0.5, "prefill": 0.98, "batched": 2.5, "prefix_ttft": 21.0}


def test_table_shows_a_missed_bound():
    assert "| NO |" in table("a model", [Row("decode", "1", "2 bare", 0.5, ">= 0.97", good=False)])
