"""The settings as their owner sees them: listed, explained, changed, and written down as a page."""

import os
import sys
from collections.abc import Mapping

import msgspec

from crofter.api import Setting
from crofter.core import CrofterError, ErrorCode

from .config import SECTIONS, LoadedConfig, checked, known_keys, load_config, unknown_key
from .config_file import write_setting
from .descriptions import field_descriptions
from .home import Home

LIVE_KEYS = frozenset(
    {
        "node.default_model",
        "node.name",
        "hub.offline",
        "hub.endpoint",
        "router.radius",
        "router.ceiling",
        "network.mode",
        "network.listen",
        "network.relays",
        "network.relay_listen",
        "network.relay_for_everyone",
        "network.relay_bytes_per_second",
        "route.wire",
        "route.private_layers",
        "route.thin",
        "route.keep_seconds",
        "share.preset",
        "share.answers",
        "share.from_hub",
        "share.memory_bytes",
        "share.disk_bytes",
        "share.upload_bytes_per_second",
        "share.download_bytes_per_second",
        "share.hours",
        "share.on_battery",
    }
)
"""Settings a running node follows at once."""


def listed(loaded: LoadedConfig) -> list[Setting]:
    """Every setting with its value now and where that came from."""
    return [_setting(key, loaded) for key in known_keys()]


def changed(home: Home, key: str, text: str, flags: Mapping[str, object]) -> LoadedConfig:
    """Write one setting to the file and read everything again. Raises NOT_FOUND or CONFIG_INVALID, with nothing written."""
    if key not in known_keys():
        raise CrofterError(ErrorCode.NOT_FOUND, unknown_key(key, "this command").message, parameter="key")
    value = checked(key, text, "this command")
    home.prepare()
    write_setting(home.config_file, key, value)
    return load_config(home.config_file, os.environ, flags)


def setting(loaded: LoadedConfig, key: str) -> Setting:
    """One setting that exists."""
    return _setting(key, loaded)


def configuration_page() -> str:
    """docs/configuration.md."""
    parts = [_PAGE_START]
    for section, settings_class in SECTIONS.items():
        parts.append(f"\n## [{section}]\n\n| setting | default | what it does |\n|---|---|---|\n")
        descriptions = field_descriptions(settings_class)
        for field in msgspec.structs.fields(settings_class):
            text = " ".join(descriptions[field.name].split())
            default = msgspec.json.encode(field.default).decode()
            parts.append(f"| `{field.name}` | `{default}` | {text} |\n")
    return "".join(parts)


_PAGE_START = """\
# Configuration

Made from the classes in the code by `python -m crofter.node.settings`; do not edit by hand.

A setting comes from the first of: a flag of `crofter up`, an environment variable `CROFTER_<SECTION>_<SETTING>` (lists with commas),
`config.toml` in the node's folder (`crofter config path`), its default. `crofter config set api.port 8080` writes the file for you.
An unknown setting or a value of the wrong kind stops the node with a message that names it.
`CROFTER_HOME` chooses the node's folder.

```toml
[api]
port = 8080
```
"""


def _setting(key: str, loaded: LoadedConfig) -> Setting:
    section, name = key.split(".")
    settings_class = SECTIONS[section]
    default = next(field.default for field in msgspec.structs.fields(settings_class) if field.name == name)
    return Setting(
        key=key,
        value=_plain(loaded.value(key)),
        default=_plain(default),
        source=loaded.sources.get(key, "default"),
        description=" ".join(field_descriptions(settings_class)[name].split()),
        restart_needed=key not in LIVE_KEYS,
    )


def _plain(value: object) -> str | int | float | bool | None:
    """A value as text or number; a list as it is written in the environment."""
    match value:
        case None | str() | int() | float():
            return value
        case tuple() | list():
            return ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # settings hold lists of text only
        case _:
            return str(value)


if __name__ == "__main__":
    sys.stdout.write(configuration_page())
