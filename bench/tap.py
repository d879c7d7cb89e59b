"""What taking the rows out of a slice costs: a decode with no tap, one tapped in Python, one tapped in C, in turns.

    python bench/tap.py [--quick] [--json]

The slice is half the layers of a 1B shape with random weights; its vocabulary is so small that the head costs nothing.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from shapes import SHAPES, model_file

from crofter.core import ModelFile, ModelId
from crofter.engine import EngineSettings, machine_now
from crofter.engine.plan import plan_load
from crofter.engine.worker.context import Context
from crofter.engine.worker.library import Model, start_library
from crofter.engine.worker.tap import Tap

_SHAPE = "1b-layers"
_WARM_UP_ROUNDS = 10


def main() -> None:
    """Measure, and print a line or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few rounds, to see it work")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=0, help="0: as a worker would")
    arguments = parser.parse_args()
    figures = measured(40 if arguments.quick else 400, arguments.threads)
    if arguments.json:
        json.dump({"figures": figures}, sys.stdout)
        return
    for name, value in figures.items():
        print(f"{name:24} {value:.4f}")


def measured(rounds: int, threads: int) -> dict[str, float]:
    """Milliseconds of a decode of one row, medians, and what the taps make of it."""
    path, shape = model_file(_SHAPE), SHAPES[_SHAPE]
    file = ModelFile(
        model_id=ModelId(_SHAPE),
        name=_SHAPE,
        path=path,
        size_bytes=path.stat().st_size,
        architecture="llama",
        layer_count=shape.layers,
        context_length=1024,
        kv_bytes_per_token=4 * shape.layers * shape.hidden // shape.heads * shape.kv_heads,
    )
    load = plan_load(file, machine_now(), EngineSettings(threads=threads), None)
    start_library()
    model = Model(load)
    tensor = f"l_out-{shape.layers - 1}"
    with tempfile.TemporaryDirectory() as folder:
        native = Tap(tensor, shape.hidden, 1, folder)
        if not native.native:
            sys.exit("no C compiler is at hand")
        taps = {"none": None, "python": Tap(tensor, shape.hidden, 1, ""), "native": native}
        times = _in_turns({name: (Context(model, load, tap=tap), tap) for name, tap in taps.items()}, rounds)
    medians = {f"tap_{name}_ms": 1000 * statistics.median(each) for name, each in times.items()}
    return medians | {
        f"tap_{name}_over_none": medians[f"tap_{name}_ms"] / medians["tap_none_ms"] for name in ("python", "native")
    }


def _in_turns(contexts: dict[str, tuple[Context, Tap | None]], rounds: int) -> dict[str, Sequence[float]]:
    times: dict[str, list[float]] = {name: [] for name in contexts}
    first = next(iter(contexts.values()))[0]
    row = np.random.default_rng(0).standard_normal((1, first.model.input_width)).astype(np.float32)
    for position in range(_WARM_UP_ROUNDS + rounds):
        for name, (context, tap) in contexts.items():
            started = time.perf_counter()
            if tap is not None:
                tap.start()
            context.decode_rows(row, np.full((1, 1), position, np.int32), np.zeros(1, np.int32), np.ones(1, np.bool_))
            if tap is not None:
                tap.rows(np.ones(1, np.bool_))
            times[name].append(time.perf_counter() - started)
    return {name: each[_WARM_UP_ROUNDS:] for name, each in times.items()}


if __name__ == "__main__":
    main()
