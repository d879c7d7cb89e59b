import msgspec

from crofter.api import LoadedModel, ModelMemory
from crofter.cli.commands.show import memory_lines
from crofter.cli.commands.workers import expiry
from crofter.core import ModelId

MEMORY = ModelMemory(
    context_tokens=8192,
    kv_tokens=16_384,
    weights_bytes=4_900_000_000,
    kv_bytes=2_100_000_000,
    compute_bytes=140_000_000,
    process_bytes=90_000_000,
    total_bytes=7_230_000_000,
    free_bytes=9_000_000_000,
)
LOADED = LoadedModel(
    name="m",
    model_id=ModelId("m"),
    state="ready",
    process_id=1,
    resident_bytes=1,
    context_tokens=1,
    kv_tokens=1,
    kv_tokens_used=0,
    active_requests=0,
    queued_requests=0,
    gpu_layers=0,
    threads=1,
    restarts=0,
    idle_seconds=0.0,
    expires_in_seconds=None,
)


def test_memory_is_shown_in_all_and_by_part() -> None:
    assert memory_lines(MEMORY) == [
        ("memory", "7.2 GB with a context of 8,192; 9.0 GB free"),
        ("of which", "4.9 GB weights, 2.1 GB keys and values of 16,384 tokens, 140.0 MB computing, 90.0 MB process"),
    ]
    assert memory_lines(None) == []


def test_accelerators_and_advice_are_shown_where_there_are_any() -> None:
    lines = memory_lines(msgspec.structs.replace(MEMORY, accelerator_bytes=(5_000_000_000,), advice="do less"))
    assert lines[0][1].startswith("7.2 GB with a context of 8,192, 5.0 GB on accelerator 0; ")
    assert lines[-1] == ("advice", "do less")


def test_pinned_models_are_shown_as_such() -> None:
    assert expiry(LOADED) == "kept"
    assert expiry(msgspec.structs.replace(LOADED, expires_in_seconds=61.0)) == "in 1m01s"
    assert expiry(msgspec.structs.replace(LOADED, expires_in_seconds=None, pinned=True)) == "pinned"
