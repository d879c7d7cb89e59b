"""Stores as Ollama, LM Studio and the Hugging Face cache lay them out, with real GGUF files."""

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import gguf

from tests.gguf_files import write_tiny_llama

LAYER = "application/vnd.ollama.image."


def small(path: Path, *, name: str = "Tiny Test", seed: int = 0) -> Path:
    """A real model of some kilobytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_tiny_llama(path, name=name, seed=seed, hidden=16, heads=2, kv_heads=1, layers=1)


def split(folder: Path, stem: str = "Big-Q8_0") -> list[Path]:
    """A model in parts, as llama.cpp writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    with patch.object(gguf, "GGUFWriter", functools.partial(gguf.GGUFWriter, split_max_tensors=5)):
        small(folder / f"{stem}.gguf", name="Big")
    return sorted(folder.glob(f"{stem}-*.gguf"))


def companion(path: Path, architecture: str = "clip", kind: str | None = None) -> Path:
    """A GGUF that is no model: a vision part, or what `kind` says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, architecture)
    if kind is not None:
        writer.add_type(kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class OllamaStore:
    """An Ollama models folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs"
        self.blobs.mkdir(parents=True)

    def blob(self, content: bytes) -> str:
        """Store content and return its digest."""
        digest = hashlib.sha256(content).hexdigest()
        (self.blobs / f"sha256-{digest}").write_bytes(content)
        return f"sha256:{digest}"

    def path(self, digest: str) -> Path:
        """Where a blob lies."""
        return self.blobs / digest.replace(":", "-")

    def manifest(
        self,
        layers: Mapping[str, str] | None,
        name: str = "registry.ollama.ai/library/llama3.2/3b",
        tree: str = "manifests",
    ) -> Path:
        """Name these layers (kind to digest); None writes what Ollama writes for a cloud model."""
        path = self.root / tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        listed = [
            {"mediaType": f"{LAYER}{kind}", "digest": digest, "size": 1} for kind, digest in (layers or {}).items()
        ]
        config = {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": "sha256:" + "0" * 64,
            "size": 2,
        }
        path.write_text(
            json.dumps(
                {
                    "schemaVersion": 2,
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": config,
                    "layers": None if layers is None else listed,
                }
            )
        )
        return path

    def model(self, scratch: Path, name: str = "registry.ollama.ai/library/llama3.2/3b", seed: int = 0) -> Path:
        """A whole model as `ollama pull` leaves it; returns its blob."""
        digest = self.blob(small(scratch / "scratch.gguf", seed=seed).read_bytes())
        layers = {
            "model": digest,
            "template": self.blob(b"{{ .Prompt }}"),
            "params": self.blob(b'{"temperature": 0.5}'),
        }
        self.manifest({**layers, "license": self.blob(b"do what you like")}, name)
        return self.path(digest)
