import json
import os
from pathlib import Path

import pytest

from crofter.models.elsewhere.candidates import Candidate, Findings
from crofter.models.elsewhere.listing import MAXIMUM_JSON_BYTES
from crofter.models.elsewhere.ollama import ollama_candidates
from tests.unit.models.elsewhere.stores import OllamaStore, companion, small


@pytest.fixture
def store(tmp_path: Path) -> OllamaStore:
    return OllamaStore(tmp_path / "store")


def found(store: OllamaStore) -> tuple[list[Candidate], list[str]]:
    findings = Findings()
    ollama_candidates(store.root, findings)
    return findings.candidates, findings.remarks


def test_a_model_is_called_as_ollama_calls_it(store: OllamaStore, tmp_path: Path) -> None:
    blob = store.model(tmp_path)
    store.model(tmp_path, "registry.ollama.ai/library/llama3.2/latest")
    store.model(tmp_path, "registry.ollama.ai/somebody/Fine/q8")
    store.model(tmp_path, "hf.co/bartowski/Tiny-GGUF/Q4_K_M")
    candidates, remarks = found(store)
    assert {each.name for each in candidates} == {
        "llama3.2:3b",
        "llama3.2",
        "somebody/fine:q8",
        "hf.co/bartowski/tiny-gguf:q4_k_m",
    }
    assert {each.parts for each in candidates} == {(blob,)}
    assert remarks == []


def test_a_vision_part_comes_along(store: OllamaStore, tmp_path: Path) -> None:
    model = store.blob(small(tmp_path / "m.gguf").read_bytes())
    projector = store.blob(companion(tmp_path / "p.gguf").read_bytes())
    store.manifest({"model": model, "projector": projector})
    assert found(store)[0][0].projector == store.path(projector)


def test_newer_manifests_are_links_to_blobs_and_win(store: OllamaStore, tmp_path: Path) -> None:
    old, new = store.model(tmp_path, seed=1), store.model(tmp_path, seed=2)
    name = "registry.ollama.ai/library/llama3.2/3b"
    blob = store.path(store.blob((store.root / "manifests" / name).read_bytes()))
    store.manifest({"model": old.name}, name)
    link = store.root / "manifests-v2" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    candidates, remarks = found(store)
    assert [each.parts for each in candidates] == [(new,)]
    assert remarks == []


def test_of_several_ways_to_run_a_model_the_gguf_is_taken(store: OllamaStore, tmp_path: Path) -> None:
    blob = store.model(tmp_path)
    path = store.root / "manifests" / "registry.ollama.ai" / "library" / "llama3.2" / "3b"
    child = store.blob(path.read_bytes())
    path.write_text(
        json.dumps(
            {"manifests": [{"runner": "mlx", "digest": "sha256:" + "1" * 64}, {"runner": "ollama", "digest": child}]}
        )
    )
    assert [each.parts for each in found(store)[0]] == [(blob,)]


@pytest.mark.parametrize(
    ("layers", "word"),
    [
        (None, "cloud"),
        ({"tensor": "sha256:" + "0" * 64}, "another engine"),
        ({"model": "sha256:" + "0" * 64, "adapter": "sha256:" + "0" * 64}, "LoRA"),
        ({"model": "sha256:" + "0" * 64}, "cannot be read"),
    ],
)
def test_what_is_no_usable_model_gets_a_word(store: OllamaStore, layers: dict[str, str] | None, word: str) -> None:
    store.manifest(layers)
    candidates, remarks = found(store)
    assert candidates == []
    assert len(remarks) == 1
    assert remarks[0].startswith("llama3.2:3b of Ollama")
    assert word in remarks[0]


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../secret", "sha256-" + "/" * 64, "../secret", "sha256:" + "0" * 63 + "\n", "\x1b[31m"]
)
def test_a_digest_never_leads_out_of_the_store(store: OllamaStore, tmp_path: Path, digest: str) -> None:
    small(tmp_path / "secret")
    store.manifest({"model": digest})
    candidates, remarks = found(store)
    assert candidates == []
    assert len(remarks) == 1
    assert remarks[0].isprintable()


def test_links_are_followed_only_inside_the_store(store: OllamaStore, tmp_path: Path) -> None:
    outside = small(tmp_path / "outside.gguf")
    hashed = "sha256:" + "a" * 64
    store.path(hashed).symlink_to(outside)
    store.manifest({"model": hashed})
    loop = store.manifest(None, "registry.ollama.ai/library/loop/1b")
    loop.unlink()
    loop.symlink_to(loop.name)
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    (loop.parent / "2b").symlink_to(secret)
    (store.root / "manifests" / "again").symlink_to(store.root / "manifests")
    candidates, remarks = found(store)
    assert candidates == []
    assert len(remarks) == 3
    assert sum("leads out of" in remark for remark in remarks) == 2


def test_a_store_whose_folders_lie_on_another_disk_is_found(store: OllamaStore, tmp_path: Path) -> None:
    store.model(tmp_path)
    for name in ("blobs", "manifests"):
        (store.root / name).rename(tmp_path / f"disk-{name}")
        (store.root / name).symlink_to(tmp_path / f"disk-{name}")
    assert [each.name for each in found(store)[0]] == ["llama3.2:3b"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"layers": 3}', b'{"layers": [{"digest": null}]}', b"[" * 100_000, b"\xff"]
)
def test_a_damaged_manifest_is_one_line_and_the_others_are_found(
    store: OllamaStore, tmp_path: Path, content: bytes
) -> None:
    store.model(tmp_path)
    (store.root / "manifests" / "registry.ollama.ai" / "library" / "llama3.2" / "bad").write_bytes(content)
    candidates, remarks = found(store)
    assert [each.name for each in candidates] == ["llama3.2:3b"]
    assert len(remarks) == 1
    assert "llama3.2:bad" in remarks[0]


def test_a_huge_manifest_is_not_read(store: OllamaStore) -> None:
    path = store.manifest(None)
    with path.open("wb") as file:
        file.truncate(MAXIMUM_JSON_BYTES + 1)
    assert "larger than" in found(store)[1][0]


def test_a_pipe_in_place_of_a_manifest_does_not_block(store: OllamaStore) -> None:
    path = store.manifest(None)
    path.unlink()
    os.mkfifo(path)
    assert "not a file" in found(store)[1][0]


def test_hundreds_of_broken_manifests_are_not_hundreds_of_lines(store: OllamaStore) -> None:
    for number in range(300):
        store.manifest(None, f"registry.ollama.ai/library/m{number}/1b")
    remarks = found(store)[1]
    assert len(remarks) == 21
    assert remarks[-1].startswith("280 more")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_store_of_another_user_is_named_with_what_helps(store: OllamaStore, tmp_path: Path) -> None:
    store.model(tmp_path)
    (store.root / "manifests").chmod(0)
    try:
        assert "may not be read" in found(store)[1][0]
    finally:
        (store.root / "manifests").chmod(0o700)
