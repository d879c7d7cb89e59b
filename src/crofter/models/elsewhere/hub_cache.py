"""GGUF files in the Hugging Face cache. (huggingface_hub `docs/source/en/guides/manage-cache.md`.)"""

from pathlib import Path

from .candidates import Findings
from .folders import folder_candidates


def hub_cache_candidates(cache: Path, findings: Findings) -> None:
    """Add the models of the newest snapshot that has each file. Snapshots hold links to the repository's blobs, under real names."""
    seen: set[Path] = set()
    for repository in sorted(cache.glob("models--*")):
        snapshots = sorted(repository.glob("snapshots/*"), key=lambda each: each.lstat().st_mtime_ns, reverse=True)
        for snapshot in snapshots:
            there = Findings()
            folder_candidates(snapshot, "hugging-face", there, inside=repository)
            for candidate in there.candidates:
                content = candidate.parts[0].resolve()
                if content not in seen:
                    seen.add(content)
                    findings.add(candidate)
            for remark in there.remarks:
                findings.remark(remark)
