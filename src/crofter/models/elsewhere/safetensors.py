"""Folders that hold a model as safetensors: what it is, and how it becomes a GGUF.

Nothing is converted here. llama.cpp's converter is published in no package of its own, and needs PyTorch (docs/decisions/dependencies.md).
"""

import os
import re
import shlex
from importlib.resources import files
from pathlib import Path

import msgspec

from crofter.core import CrofterError, ErrorCode

from .listing import printable, read_json

SUFFIX = ".safetensors"

_SHOWN = 80
_SHARD = re.compile(r".*-\d{5}-of-(\d{5})\.safetensors")
_UNPACKED = {"", "bitnet", "fp8", "gptq", "compressed-tensors", "modelopt", "mxfp4"}
"""Ways of quantising that the converter can undo or take over (`conversion/base.py`)."""


class _Quantization(msgspec.Struct):
    quant_method: str = ""
    group_size: int | None = None


class _Text(msgspec.Struct):
    architectures: list[str] | None = None


class _Config(_Text):
    text_config: _Text | None = None
    quantization_config: _Quantization | None = None
    quantization: _Quantization | None = None
    """MLX writes this one."""


def refuse_safetensors(folder: Path, library_version: str) -> None:
    """Raise UNSUPPORTED if `folder` holds safetensors: says what they are, whether llama.cpp's converter knows them, and each command."""
    if not os.path.isdir(folder):
        return
    shards = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    if not shards:
        return
    counted = _SHARD.fullmatch(shards[-1].name)
    count = f"{len(shards)} of {int(counted[1])} files" if counted else f"{len(shards)} file{'s' * (len(shards) > 1)}"
    size = f"{sum(path.stat().st_size for path in shards) / 1e9:.1f} GB"
    try:
        config = read_json(folder / "config.json", _Config, folder)
    except CrofterError as error:
        what = f"what they are cannot be told: {error.message}"
        raise CrofterError(
            ErrorCode.UNSUPPORTED, f"{folder} holds safetensors ({count}, {size}), not GGUF; {what}"
        ) from error
    architecture = _architecture(config)
    start = f"{folder} holds a model as safetensors, not as GGUF: {architecture or 'of no stated architecture'}, {count}, {size}."
    raise CrofterError(ErrorCode.UNSUPPORTED, f"{start}\n{_advice(folder, architecture, config, library_version)}")


def _architecture(config: _Config) -> str:
    """The text model's own where it says one, as the converter does."""
    names = (config.text_config.architectures if config.text_config else None) or config.architectures or []
    return printable(names[0], _SHOWN) if names else ""


def _convertible() -> set[str]:
    lines = (files(__package__ or "") / "convertible.txt").read_text(encoding="utf-8").splitlines()
    return {name for line in lines if not line.startswith("#") for name in line.split()}


def _advice(folder: Path, architecture: str, config: _Config, library_version: str) -> str:
    method = config.quantization_config.quant_method if config.quantization_config else ""
    if config.quantization is not None and config.quantization.group_size:
        method = "mlx"
    if method not in _UNPACKED:
        return (
            f"It is quantised with {printable(method, _SHOWN)}, which llama.cpp cannot convert: get the original, or a GGUF of it"
            " (`crofter pull organisation/repository`)."
        )
    if architecture not in _convertible():
        return (
            f"llama.cpp's converter (llama-cpp-python {library_version}) does not know that architecture: look for a GGUF of it"
            " (`crofter pull organisation/repository`)."
        )
    source = f"llama_cpp_python-{library_version}"
    script = f"{source}/vendor/llama.cpp"
    target = shlex.quote(f"{folder.name}.gguf")
    return f"""llama.cpp's converter knows this architecture. It lies in the source of Crofter's engine and needs PyTorch, so it runs apart:
  python3 -m venv converter
  converter/bin/pip download --no-deps --no-binary :all: llama-cpp-python=={library_version}
  tar xzf {source}.tar.gz
  converter/bin/pip install -r {script}/requirements/requirements-convert_hf_to_gguf.txt
  converter/bin/python {script}/convert_hf_to_gguf.py {shlex.quote(str(folder))} --outtype q8_0 --outfile {target}
  crofter import {target}
Somebody may have done it already: `crofter pull organisation/repository` finds GGUF files on the hub."""
