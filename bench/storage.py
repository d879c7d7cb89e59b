"""What storing a model layer by layer costs and saves: installing beside a plain copy, loading and writing beside the one file.

    python bench/storage.py [--model 0.5b|1b] [--rounds 5]

Loading and writing are llama.cpp's own, in a fresh process each time (the bare loop), from the one file and from the divided one in
turns; both lie in the page cache.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bare import BareLoop, BareSettings
from report import machine
from shapes import model_file

from crofter.models import ModelRegistry
from crofter.models.gguf.parts import part_paths
from crofter.store import Database, ModelRecords

PROMPT = "The farm lies at the end of the road. "
ANSWER_TOKENS = 48


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What storing a model layer by layer costs and saves.")
    parser.add_argument("--model", choices=("0.5b", "1b"), default="0.5b")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    whole = model_file(options.model)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        folder = Path(scratch)
        copying: list[float] = []
        installing: list[float] = []
        verifying: list[float] = []
        number, registry = 0, _registry(folder / "first")
        for number in range(options.rounds):
            copying.append(_seconds(lambda: _copy(whole, folder / "copy.gguf")))
            registry = _registry(folder / str(number))
            installing.append(_seconds(lambda: registry.add(str(whole), "model", _ignore)))  # noqa: B023 - called at once
            model = registry.resolve("model")
            verifying.append(_seconds(lambda: registry.contents.damaged_groups(model, _ignore)))  # noqa: B023 - called at once
        requests = [_seconds(lambda: registry.resolve("model")) for _ in range(1000)]
        retold = _retold(whole, folder / "retold.gguf")
        before = _disk_bytes(folder / str(number))
        registry.add(str(retold), "retold", _ignore)
        added = _disk_bytes(folder / str(number)) - before
        divided = registry.resolve("model").file.path
        loads: dict[Path, list[float]] = {whole: [], divided: []}
        rates: dict[Path, list[float]] = {whole: [], divided: []}
        for _ in range(options.rounds):
            for path in (whole, divided):
                loading, rate = _loaded(path)
                loads[path].append(loading)
                rates[path].append(rate)
        size = whole.stat().st_size
        print("| | divided | one file | ratio |\n|---|---|---|---|")
        _row("installing, s (beside `cp` and fsync)", installing, copying)
        _row("loading in a fresh process to the first token, s", loads[divided], loads[whole])
        _row("writing, tokens/s", rates[divided], rates[whole])
        print(
            f"| the same weights with another template, MB more on the disk | {added / 1e6:.1f} | {size / 1e6:.1f} | |"
        )
        print(f"\nverifying every byte: {size / 1e6 / statistics.median(verifying):.0f} MB/s")
        print(f"finding a model by name and looking at its files: {statistics.median(requests) * 1e6:.0f} microseconds")
        conditions = machine() | {
            "model": f"{whole.name}, {size / 1e6:.0f} MB, {len(part_paths(divided))} files when divided",
            "rounds": f"{options.rounds}, taking turns; medians",
            "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
        }
        for key, value in conditions.items():
            print(f"{key}: {value}")


def _row(name: str, divided: list[float], whole: list[float]) -> None:
    first, second = statistics.median(divided), statistics.median(whole)
    print(f"| {name} | {first:.2f} | {second:.2f} | {first / second:.2f} |")


def _loaded(path: Path) -> tuple[float, float]:
    settings = BareSettings(2048, 1, 512, os.cpu_count() or 1, os.cpu_count() or 1, "auto", repack=False)
    started = time.perf_counter()
    with BareLoop(path, settings) as loop:
        loop.write(PROMPT, 1)
        seconds = time.perf_counter() - started
        return seconds, loop.write(PROMPT, ANSWER_TOKENS).decode_rate


def _registry(folder: Path) -> ModelRegistry:
    folder.mkdir()
    records = ModelRecords(Database.open(folder / "node.db", bytes(32)))
    return ModelRegistry(records, folder / "models", embedded_path=folder / "none.gguf")


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as original, target.open("wb") as copy:
        shutil.copyfileobj(original, copy, 1 << 22)
        copy.flush()
        os.fsync(copy.fileno())


def _retold(whole: Path, target: Path) -> Path:
    """The same file with a byte of its metadata changed: what a mended chat template is."""
    content = bytearray(whole.read_bytes())
    name = content.index(b"general.name") + len("general.name") + 12
    content[name : name + 1] = b"X"
    target.write_bytes(content)
    return target


def _disk_bytes(folder: Path) -> int:
    """Each file once, however many names it has."""
    return sum({status.st_ino: status.st_blocks * 512 for status in map(os.stat, folder.rglob("*"))}.values())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ignore(_done: int, _total: int) -> None:
    pass


if __name__ == "__main__":
    main()
