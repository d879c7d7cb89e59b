"""How fast a pull fetches a file, beside one plain stream of Python's urllib from the same local server.

    python bench/pull.py [--quick] [--json]

Two servers: one that gives each connection a fixed rate, as content networks do, where several connections show their worth; and
one without a limit, where the cost of the download itself shows. The server is a process of its own; the file's hash is checked in
neither figure, and what checking takes is measured apart.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from report import machine

from crofter.models.hub.client import trusted_certificates
from crofter.models.hub.crew import Pace, Tools
from crofter.models.hub.download import Downloads
from crofter.models.hub.source import Source
from crofter.models.hub.variants import RepositoryFile

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "test/model-GGUF"
COMMIT = "c0ffee" + "0" * 34


def main() -> None:
    """Measure and print."""
    options = _options()
    size, limited_size = (64 << 20, 32 << 20) if options.quick else (512 << 20, 128 << 20)
    limit = 8.0
    rounds = 2 if options.quick else 5
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = _measure(Path(folder), limited_size, rounds, limit, "limited")
        figures |= _measure(Path(folder), size, rounds, 0.0, "unlimited")
    figures["gain_limited"] = figures["pull_limited_mb_s"] / figures["urllib_limited_mb_s"]
    figures["gain_unlimited"] = figures["pull_unlimited_mb_s"] / figures["urllib_unlimited_mb_s"]
    conditions = machine() | {
        "file": f"{limited_size >> 20} MiB with a limit, {size >> 20} MiB without",
        "limit of each connection": f"{limit} MB/s",
        "connections": Pace().connections,
        "rounds": f"{rounds}, taking turns; medians",
        "load average before and after": f"{load_before:.2f}, {os.getloadavg()[0]:.2f}",
    }
    figures = {name: round(value, 2) for name, value in figures.items()}
    if options.json:
        print(json.dumps({"figures": figures, "conditions": conditions}, indent=1))
        return
    print("| | pull | urllib, one stream | ratio |\n|---|---|---|---|")
    for name in ("limited", "unlimited"):
        pull, plain = figures[f"pull_{name}_mb_s"], figures[f"urllib_{name}_mb_s"]
        print(f"| {name}, MB/s | {pull:.1f} | {plain:.1f} | {figures[f'gain_{name}']:.2f} |")
        pull, plain = figures[f"pull_{name}_cpu_s_gb"], figures[f"urllib_{name}_cpu_s_gb"]
        print(f"| {name}, processor seconds a GB | {pull:.2f} | {plain:.2f} | {pull / max(plain, 0.01):.2f} |")
    print(f"| checking the hash, MB/s | {figures['verify_unlimited_mb_s']:.0f} | | |")
    for key, value in conditions.items():
        print(f"{key}: {value}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast a pull fetches, beside one plain stream.")
    parser.add_argument("--quick", action="store_true", help="a smaller file, under half a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--folder", type=Path, default=None, help="where to write; otherwise the temporary folder")
    return parser.parse_args()


def _measure(folder: Path, size: int, rounds: int, limit: float, name: str) -> dict[str, float]:
    original = folder / f"{name}-Q4_K_M.gguf"
    original.write_bytes(random.Random(size).randbytes(1 << 20) * (size >> 20))
    times: dict[str, list[tuple[float, float]]] = {"pull": [], "urllib": [], "verify": []}
    with _server(original, limit) as endpoint:
        file = _described(original)
        for _ in range(rounds):
            times["urllib"].append(_timed(lambda: _plain(endpoint, file, folder / "plain")))
            downloads = Downloads(folder / "downloads", Tools(trusted_certificates))
            source = Source(_address(endpoint, file), {"user-agent": "crofter/bench"}, REPOSITORY, file)
            times["pull"].append(_timed(lambda: downloads.fetch(file, source, REPOSITORY, _ignore)))  # noqa: B023 - called at once
            times["verify"].append(_timed(lambda: downloads.verify(file, REPOSITORY, _ignore)))  # noqa: B023 - called at once
            shutil.rmtree(folder / "downloads")
    result: dict[str, float] = {}
    for what, each in times.items():
        result[f"{what}_{name}_mb_s"] = size / 1e6 / statistics.median(seconds for seconds, _ in each)
        result[f"{what}_{name}_cpu_s_gb"] = statistics.median(cpu for _, cpu in each) * 1e9 / size
    return result


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processor time."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def _plain(endpoint: str, file: RepositoryFile, target: Path) -> None:
    """What a short script would do: one stream to disk, flushed at the end."""
    with urllib.request.urlopen(_address(endpoint, file)) as response, target.open("wb") as out:
        shutil.copyfileobj(response, out, 1 << 18)
        out.flush()
        os.fsync(out.fileno())


def _described(path: Path) -> RepositoryFile:
    import hashlib

    return RepositoryFile(
        path=path.name, size_bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )


def _address(endpoint: str, file: RepositoryFile) -> str:
    return f"{endpoint}/{REPOSITORY}/resolve/{COMMIT}/{file.path}"


def _ignore(_done: int, _total: int) -> None:
    pass


@contextmanager
def _server(file: Path, limit: float) -> Generator[str]:
    """The tests' stand-in for the hub, in a process of its own."""
    command = [sys.executable, "-m", "tests.fake_hub", str(file), "--megabytes-per-second", str(limit)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip().partition("=")[2]
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
