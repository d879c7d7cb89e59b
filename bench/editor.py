"""What the node adds to a completion in an editor: the time over HTTP beside the engine's own, in the same requests.

    python bench/editor.py [--quick] [--json]

A real node is started with an empty home and its embedded model, which has the tokens for gaps in texts. One connection is kept
open, as editors do. The engine's own time is what each reply says of itself; the rest is the node's: HTTP, the dialect, the way to
the worker and back. Leave the machine alone meanwhile.
"""

import argparse
import http.client
import json
import os
import statistics
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from node import BenchNode, running_node
from report import machine

_WANTED_MS = 5.0
_TOKENS = 16


class Door(NamedTuple):
    """One address that fills gaps."""

    path: str
    body: dict[str, Any]

    def engine_ms(self, reply: dict[str, Any]) -> float:
        """What the engine says that the request took, from its arrival there to the last token."""
        if self.path == "/infill":
            return reply["timings"]["prompt_ms"] + reply["timings"]["predicted_ms"]
        if self.path == "/api/generate":
            return reply["total_duration"] / 1e6
        timings = reply["crofter"]["timings"]
        later_tokens = reply["usage"]["completion_tokens"] - 1
        rate = timings["tokens_per_second"]  # 0: all came with the first token.
        return timings["ttft_ms"] + (1000 * later_tokens / rate if rate else 0.0)


_PREFIX, _SUFFIX = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"
_DOORS = (
    Door("/infill", {"input_prefix": _PREFIX, "input_suffix": _SUFFIX, "n_predict": _TOKENS}),
    Door("/v1/completions", {"prompt": _PREFIX, "suffix": _SUFFIX, "max_tokens": _TOKENS}),
    Door(
        "/api/generate",
        {
            "model": "seedling",
            "prompt": _PREFIX,
            "suffix": _SUFFIX,
            "stream": False,
            "options": {"num_predict": _TOKENS},
        },
    ),
)


def main() -> None:
    """Measure and print."""
    options = _options()
    rounds = 30 if options.quick else 300
    load_before = os.getloadavg()[0]
    with running_node() as node:
        figures = {door.path: _overheads_ms(node, door, rounds) for door in _DOORS}
    conditions = machine() | {
        "rounds": rounds,
        "tokens asked for": _TOKENS,
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    if options.json:
        print(json.dumps({"conditions": conditions, "overhead_ms": figures}, indent=1))
        return
    print("| address | p50 over the engine, ms | p95, ms | engine p50, ms | wanted p50 | |\n|---|---|---|---|---|---|")
    for path, found in figures.items():
        verdict = "yes" if found["p50"] < _WANTED_MS else "NO"
        print(
            f"| {path} | {found['p50']:.2f} | {found['p95']:.2f} | {found['engine_p50']:.1f} | < {_WANTED_MS:g} | {verdict} |"
        )
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What the node adds to a completion in an editor.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rounds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


def _overheads_ms(node: BenchNode, door: Door, rounds: int) -> dict[str, float]:
    address = urlsplit(node.url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=60)
    extra: list[float] = []
    engine: list[float] = []
    for number in range(rounds + 5):
        # As the text grows with each key, so does the prompt; the first few requests load the model and warm up.
        body = json.dumps(_typed(door.body, number)).encode()
        started = time.perf_counter()
        connection.request("POST", door.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
        took_ms = 1000 * (time.perf_counter() - started)
        if response.status != 200:
            raise RuntimeError(f"{door.path}: {content[:300]!r}")
        if number >= 5:
            engine.append(door.engine_ms(json.loads(content)))
            extra.append(took_ms - engine[-1])
    connection.close()
    return {
        "p50": statistics.median(extra),
        "p95": statistics.quantiles(extra, n=20)[-1],
        "engine_p50": statistics.median(engine),
    }


def _typed(body: dict[str, Any], number: int) -> dict[str, Any]:
    key = "input_prefix" if "input_prefix" in body else "prompt"
    return body | {key: body[key] + "a + b - "[: number % 8]}


if __name__ == "__main__":
    main()
