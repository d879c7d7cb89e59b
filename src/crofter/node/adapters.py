"""LoRA adapters by name: GGUF files in the home's `adapters` folder."""

import re
from collections.abc import Callable
from pathlib import Path

from crofter.core import CrofterError, ErrorCode

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def adapter_files(folder: Path) -> Callable[[str], Path]:
    """Finds an adapter's file. The function raises NOT_FOUND, for a path too: callers must not reach other files."""

    def adapter_file(name: str) -> Path:
        path = folder / f"{name.removesuffix('.gguf')}.gguf"
        if not _NAME.fullmatch(name) or not path.is_file():
            raise CrofterError(
                ErrorCode.NOT_FOUND,
                f"there is no adapter {name!r}; adapters are GGUF files in {folder}",
                parameter="lora",
            )
        return path

    return adapter_file
