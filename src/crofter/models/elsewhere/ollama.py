"""What Ollama holds: manifests by name, blobs by hash. (ollama/ollama `manifest/manifest.go`, `manifest/paths.go`.)"""

import os
import re
from pathlib import Path

import msgspec

from crofter.core import CrofterError
from crofter.models.names import derived_name

from .candidates import Candidate, Findings
from .listing import read_json, real_file, walk

SYSTEM_STORES = (
    Path("/usr/share/ollama/.ollama/models"),
    Path("/var/lib/ollama/.ollama/models"),
    Path("/var/lib/ollama/models"),
    Path("/var/lib/ollama"),
    Path("/var/snap/ollama/common/models"),
)
"""Where Ollama's own service keeps models: its installer, and the packages of several distributions."""

_TREES = ("manifests-v2", "manifests")
"""Newer versions write the first, whose files are links to blobs, and let it win over the second."""
_BLOBS = "blobs"
_HOST, _NAMESPACE = "registry.ollama.ai", "library"
_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_LAYER = "application/vnd.ollama.image."
# A template layer is a Go template, which nothing here can run: the GGUF's own is used. What the params layer says (temperature, stop
# strings) has no place yet beside a model's record, which keeps what the file itself recommends.


class _Layer(msgspec.Struct, rename="camel"):
    media_type: str = ""
    digest: str = ""


class _Manifest(msgspec.Struct):
    layers: list[_Layer] | None = None
    manifests: list["_Manifest"] | None = None
    """One for each way to run the model, inline or only its digest."""
    digest: str = ""
    runner: str = ""
    format: str = ""


def is_store(folder: Path) -> bool:
    """Whether a folder somebody named is laid out as Ollama does."""
    return os.path.isdir(folder / _BLOBS) and any(os.path.isdir(folder / tree) for tree in _TREES)


def ollama_candidates(store: Path, findings: Findings) -> None:
    """Add every model of one store. What cannot be used is remarked, each with its name."""
    seen: set[str] = set()
    for tree in _TREES:
        for place, tags in walk(store / tree, findings.remark, 3):
            folders = place.relative_to(store / tree).parts
            if len(folders) != 3:
                continue
            for tag in tags:
                name = _name(folders, tag)
                if name in seen:
                    continue
                seen.add(name)
                try:
                    candidate = _candidate(name, place / tag, store)
                except CrofterError as error:
                    findings.remark(f"{name} of Ollama was left out: {error.message}")
                else:
                    findings.add(candidate) if isinstance(candidate, Candidate) else findings.remark(candidate)


def _name(folders: tuple[str, ...], tag: str) -> str:
    """As Ollama shows it: host and namespace only where they are not the usual ones."""
    host, namespace, model = folders
    prefix = "" if host == _HOST else f"{host}/"
    prefix += "" if not prefix and namespace == _NAMESPACE else f"{namespace}/"
    return derived_name(f"{prefix}{model}:{tag}", Path(model))


def _candidate(name: str, path: Path, store: Path) -> Candidate | str:
    layers = _layers(path, store)
    models, projectors, adapters, tensors = (
        [layer.digest for layer in layers if layer.media_type == f"{_LAYER}{kind}"]
        for kind in ("model", "projector", "adapter", "tensor")
    )
    if tensors:
        return f"{name} of Ollama is kept as tensors for another engine, not as a GGUF."
    if not models:
        return f"{name} of Ollama runs in its cloud: nothing of it is on this machine."
    if adapters:
        return f"{name} of Ollama is a model with a LoRA adapter: import the model, and name the adapter in a request's `lora`."
    if len(models) > 1:
        return f"{name} of Ollama has {len(models)} files whose names do not let llama.cpp put them together."
    return Candidate(
        name=name,
        program="ollama",
        parts=(_blob(store, models[0]),),
        projector=_blob(store, projectors[0]) if projectors else None,
    )


def _layers(path: Path, store: Path) -> list[_Layer]:
    manifest = read_json(path, _Manifest, *(store / tree for tree in (*_TREES, _BLOBS)))
    for child in manifest.manifests or ():
        if child.runner in {"", "ollama", "llamacpp"} and child.format in {"", "gguf"}:
            manifest = child if child.layers else read_json(_blob(store, child.digest), _Manifest, store / _BLOBS)
            break
    return manifest.layers or []


def _blob(store: Path, digest: str) -> Path:
    """The file with that content. Raises MODEL_NOT_FOUND, also for what is no digest: nothing has such a name."""
    matched = _DIGEST.fullmatch(digest)
    path = store / _BLOBS / (f"sha256-{matched[1].lower()}" if matched else "no-such-digest")
    real_file(path, store / _BLOBS)
    return path
