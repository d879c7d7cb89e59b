"""llama.cpp's own llama-bench, from the sources of the installed binding and linked with its very library.

Only the tool and llama.cpp's `common` folder are compiled (a few minutes, once); what computes is the library that the node uses.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path
from typing import cast

from shapes import cache_folder

_PACKAGE = "llama-cpp-python"
_SOURCE_VARIABLE = "CROFTER_BENCH_LLAMA_CPP"
_INCLUDES = ("common", "include", "ggml/include", "vendor", "tools/llama-bench")
_SOURCES = (
    "common/*.cpp",
    "common/jinja/*.cpp",
    "common/parsers/*.cpp",
    "vendor/cpp-httplib/*.cpp",
    "tools/llama-bench/*.cpp",
)
_BUILD_INFO = "common/build-info.cpp.in"


def build() -> Path:
    """The llama-bench program, built first if need be. Raises RuntimeError with the reason when that is impossible."""
    library = Path(str(distribution(_PACKAGE).locate_file("llama_cpp"))) / "lib"
    folder = cache_folder() / f"llama-bench-{distribution(_PACKAGE).version}"
    program = folder / "llama-bench"
    if program.exists():
        return program
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        raise RuntimeError("llama-bench needs a C++ compiler")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source = source_folder(Path(scratch))
        print("building llama-bench (some minutes, once) …", file=sys.stderr)
        objects = _compile(compiler, source, Path(scratch))
        draft = Path(scratch, "llama-bench")
        libraries = [f"-L{library}", f"-Wl,-rpath,{library}", "-lllama", "-lggml", "-lggml-base"]
        run([compiler, *map(str, objects), *libraries, "-pthread", "-o", str(draft)])
        shutil.copy(draft, program.with_suffix(".new"))
        program.with_suffix(".new").replace(program)
    return program


def rate(program: Path, model: Path, *, prompt_tokens: int = 0, answer_tokens: int = 0) -> float:
    """Tokens a second, read or written (one of the two), with llama-bench's defaults. Raises RuntimeError if it fails."""
    sizes = ["-p", str(prompt_tokens), "-n", str(answer_tokens), "-r", "1"]
    rows = cast(list[dict[str, float]], json.loads(run([str(program), "-m", str(model), *sizes, "-o", "json"])))
    return rows[0]["avg_ts"]


def source_folder(scratch: Path) -> Path:
    """The folder of llama.cpp's sources: the one given, or unpacked from the binding's source package."""
    given = os.environ.get(_SOURCE_VARIABLE)
    if given:
        return Path(given)
    wanted = f"{_PACKAGE}=={distribution(_PACKAGE).version}"
    # A virtual environment made by uv has no pip of its own; any other will do.
    pip = next(([path] for path in map(shutil.which, ("pip3", "pip")) if path), [sys.executable, "-m", "pip"])
    try:
        run([*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(scratch), wanted])
    except RuntimeError as error:
        raise RuntimeError(
            f"the source package {wanted} cannot be fetched with pip; unpack it yourself and name its vendor/llama.cpp "
            f"folder in {_SOURCE_VARIABLE} ({error})"
        ) from error
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")
    return next(scratch.glob("*/vendor/llama.cpp"))


def _compile(compiler: str, source: Path, scratch: Path) -> Iterable[Path]:
    build_info = scratch / "build-info.cpp"
    template = (source / _BUILD_INFO).read_text().replace("@LLAMA_BUILD_NUMBER@", "0")
    build_info.write_text(template.replace("@", ""))
    files = [build_info, *(file for pattern in _SOURCES for file in sorted(source.glob(pattern)))]
    includes = [f"-I{source / folder}" for folder in _INCLUDES]

    def compile_one(numbered: tuple[int, Path]) -> Path:
        number, file = numbered
        target = scratch / f"{number}.o"
        # Nothing here is in the measured path but a loop over llama_decode: it need not be optimised, only built soon.
        run([compiler, "-std=c++17", "-O0", "-w", *includes, "-c", str(file), "-o", str(target)])
        return target

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(compile_one, enumerate(files)))


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


if __name__ == "__main__":
    print(build())
