"""Which tiny models there are, and what the metadata of each says: data, in `families.toml` beside this file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

Encoding = Literal["F32", "F16", "Q8_0"]
Key = bool | int | float | str | list[bool] | list[int] | list[float]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One architecture, or a variant of one that is cut by other rules."""

    name: str
    """The architecture as llama.cpp calls it; `+variant` after it for a variant."""
    keys: dict[str, Key]
    """The metadata, under the names of GGUF."""
    encoding: Encoding = "F16"
    """Of its matrices."""
    without: tuple[str, ...] = ()
    """How the names of those tensors end that llama.cpp allows for and this model does not have."""

    @property
    def architecture(self) -> str:
        """As `general.architecture` has it."""
        return self.name.partition("+")[0]

    def number(self, key: str) -> int:
        """A whole number of the architecture's own keys; 0 if it is not there."""
        value = self.keys.get(f"{self.architecture}.{key}", 0)
        return value if isinstance(value, int) else 0


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: tuple[str, ...] = ()
    keys: dict[str, Any] = {}
    drop: tuple[str, ...] = ()
    plain: dict[str, Any] = {}
    without: tuple[str, ...] = ()
    encoding: Encoding = "F16"


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    parts: dict[str, dict[str, Any]]
    families: dict[str, _Entry]


@cache
def known_families() -> dict[str, Family]:
    """All of them, by name."""
    source = Path(__file__).with_name("families.toml").read_text("utf-8")
    catalogue = msgspec.convert(tomllib.loads(source), _Catalogue)
    return {name: _family(name, entry, catalogue.parts) for name, entry in catalogue.families.items()}


def _family(name: str, entry: _Entry, parts: Mapping[str, dict[str, Any]]) -> Family:
    keys: dict[str, Key] = {}
    for part in ("base", *entry.parts):
        keys |= _flat(parts[part])
    keys |= _flat(entry.keys)
    architecture = name.partition("+")[0]
    own = {f"{architecture}.{key}": value for key, value in keys.items() if key not in entry.drop}
    general: dict[str, Key] = {"general.architecture": architecture, "tokenizer.ggml.model": "no_vocab"}
    return Family(name=name, keys=general | own | _flat(entry.plain), without=entry.without, encoding=entry.encoding)


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Key]:
    """Nested tables as one, their names joined by dots."""
    flat: dict[str, Key] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(cast(dict[str, Any], value), f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
