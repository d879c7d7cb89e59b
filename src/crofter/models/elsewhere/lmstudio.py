"""What LM Studio holds: publisher/model/file.gguf below a folder that its settings may have moved."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crofter.core import CrofterError

from .candidates import Findings
from .folders import folder_candidates
from .listing import read_json

_POINTER = ".lmstudio-home-pointer"
_POINTER_BYTES = 4_096
_DEPTH = 4


class _Settings(msgspec.Struct, rename="camel"):
    downloads_folder: str = ""


def lmstudio_candidates(home: Path, findings: Findings) -> None:
    """Add what LM Studio has downloaded for the user with this home."""
    folders = {os.path.realpath(folder): folder for folder in _models_folders(home, findings)}
    for folder in folders.values():
        folder_candidates(folder, "lm-studio", findings, depth=_DEPTH)


def _models_folders(home: Path, findings: Findings) -> Iterator[Path]:
    own = [home / ".lmstudio", home / ".cache" / "lm-studio"]
    if (moved := _pointed(home / _POINTER)) is not None:
        own.insert(0, moved)
    applications = (home / ".config", home / "Library" / "Application Support", home / "AppData" / "Roaming")
    for folder in (*own, *(place / "LM Studio" for place in applications)):
        if os.path.isfile(folder / "settings.json"):
            try:
                chosen = read_json(folder / "settings.json", _Settings, folder).downloads_folder
            except CrofterError as error:
                findings.remark(error.message)
            else:
                if chosen and Path(chosen).is_absolute():
                    yield Path(chosen)
    yield from (folder / "models" for folder in own)


def _pointed(pointer: Path) -> Path | None:
    """The folder that the pointer file names: LM Studio writes it when its home is somewhere else."""
    if not os.path.isfile(pointer):
        return None
    try:
        with pointer.open("rb") as file:
            text = file.read(_POINTER_BYTES).decode(errors="replace").strip()
    except OSError:
        return None
    return Path(text) if text and "\0" not in text and Path(text).is_absolute() else None
