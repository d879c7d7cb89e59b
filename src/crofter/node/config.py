"""Configuration: defaults, then `config.toml`, then CROFTER_<SECTION>_<KEY>, then flags, into frozen classes.

Each room declares its own section; this is the only place that reads the file or the environment.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypedDict, cast, get_args, get_origin, get_type_hints

import msgspec

from crofter.api import ApiSettings
from crofter.cluster import RouteSettings, ShareSettings
from crofter.core import CrofterError, ErrorCode
from crofter.engine import EngineSettings
from crofter.models import HubSettings
from crofter.network import NetworkSettings
from crofter.providers import ProviderSettings
from crofter.router import RouterSettings

from .logs import LogLevel

Source = Literal["default", "file", "environment", "flag"]
Layer = Mapping[str, object]
"""Dotted key ("api.port") to a value that is not checked yet."""


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The node itself."""

    default_model: str = ""
    """The model that answers when a request names none. Empty: the chat model added last, else the embedded seedling."""
    name: str = ""
    """What this node calls itself to the nodes it is paired with, or asks to be. Empty: as the machine is called."""
    log_level: LogLevel = "info"
    """How much goes into logs/node.log: debug, info, warning or error. Prompts and secrets are never logged."""


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be configured, a section for each room."""

    node: NodeSettings = NodeSettings()
    api: ApiSettings = ApiSettings()
    engine: EngineSettings = EngineSettings()
    hub: HubSettings = HubSettings()
    router: RouterSettings = RouterSettings()
    providers: ProviderSettings = ProviderSettings()
    network: NetworkSettings = NetworkSettings()
    share: ShareSettings = ShareSettings()
    route: RouteSettings = RouteSettings()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "node": NodeSettings,
    "api": ApiSettings,
    "engine": EngineSettings,
    "hub": HubSettings,
    "router": RouterSettings,
    "providers": ProviderSettings,
    "network": NetworkSettings,
    "share": ShareSettings,
    "route": RouteSettings,
}


SHARED_VARIABLES = {
    "HF_ENDPOINT": "hub.endpoint",
    "HF_HUB_OFFLINE": "hub.offline",
    "CROFTER_OFFLINE": "hub.offline",
}
"""What other programs that use the hub read too, and the short form of ours; CROFTER_HUB_... wins over them."""

CLIENT_VARIABLES = frozenset({"CROFTER_API_KEY"})
"""What programs that ask a node are told by; no setting, though it looks like one."""

_YES = {"1", "on", "yes", "true"}


class LoadedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration and, for each dotted key that is not at its default, the layer that decided it."""

    config: NodeConfig
    sources: dict[str, Source]

    def value(self, key: str) -> object:
        """The value of a dotted key that exists."""
        section, name = key.split(".")
        return getattr(getattr(self.config, section), name)


class HubEnvironment(TypedDict):
    """Fields of a pull that the environment of a command decides."""

    offline: bool
    endpoint: str
    token: str


def hub_environment(environment: Mapping[str, str]) -> HubEnvironment:
    """What the environment of a command says about the hub, to be sent along with a pull: the node has an environment of its own."""
    found = _from_environment(environment)
    return {
        "offline": found.get("hub.offline", "") == "true",
        "endpoint": found.get("hub.endpoint", ""),
        "token": environment.get("HF_TOKEN", ""),
    }


def import_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Where a user's other programs keep models, to be sent along with a search: as Ollama and huggingface_hub read it."""
    home = Path.home()
    cache = environment.get("XDG_CACHE_HOME") or str(home / ".cache")
    hub_home = environment.get("HF_HOME") or f"{cache}/huggingface"
    return {
        "home": str(home),
        "ollama_models": environment.get("OLLAMA_MODELS", ""),
        "hub_cache": environment.get("HF_HUB_CACHE") or f"{hub_home}/hub",
    }


def known_keys() -> Iterator[str]:
    """Every dotted key, in the order of declaration."""
    for section, settings_class in SECTIONS.items():
        for name in settings_class.__struct_fields__:
            yield f"{section}.{name}"


def load_config(file: Path, environment: Mapping[str, str], flags: Layer) -> LoadedConfig:
    """The configuration these layers give, the later ones winning.

    Raises CONFIG_INVALID naming the key, for an unknown one the nearest known one, and where it was written.
    """
    layers: tuple[tuple[Source, str, Layer], ...] = (
        ("file", str(file), read_file(file)),
        ("environment", "the environment", _from_environment(environment)),
        ("flag", "the command line", flags),
    )
    values: dict[str, dict[str, object]] = {section: {} for section in SECTIONS}
    sources: dict[str, Source] = {}
    for source, place, layer in layers:
        for key, value in layer.items():
            section, name = _split_known(key, place)
            values[section][name] = checked(key, value, place)
            sources[key] = source
    built = {section: settings_class(**values[section]) for section, settings_class in SECTIONS.items()}
    return LoadedConfig(config=msgspec.convert(built, NodeConfig), sources=sources)


def read_file(file: Path) -> dict[str, object]:
    """The dotted keys a configuration file sets; a missing file sets none. Raises CONFIG_INVALID."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CrofterError(ErrorCode.CONFIG_INVALID, f"cannot read {file}: {error}") from error
    found: dict[str, object] = {}
    for section, entries in content.items():
        if not isinstance(entries, dict):
            raise unknown_key(section, str(file))
        found.update({f"{section}.{name}": value for name, value in cast(dict[str, object], entries).items()})
    return found


def checked(key: str, value: object, place: str) -> object:
    """`value` as the type of the known key; text is converted, a list may be written with commas.

    Raises CONFIG_INVALID.
    """
    section, name = key.split(".")
    wanted: object = get_type_hints(SECTIONS[section], include_extras=True)[name]
    if isinstance(value, str) and str(wanted).startswith("tuple"):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        converted = msgspec.convert(value, wanted, strict=False)
        SECTIONS[section](**{name: converted})  # raises what no type can say of it
        return converted
    except msgspec.ValidationError as error:
        choices = f"; it is one of {', '.join(map(str, get_args(wanted)))}" if get_origin(wanted) is Literal else ""
        message = f"{key} in {place} cannot be {value!r}: {str(error).lower()}{choices}"
        raise CrofterError(ErrorCode.CONFIG_INVALID, message, parameter=key) from error


def unknown_key(key: str, place: str) -> CrofterError:
    """The error for a key nobody declared."""
    near = difflib.get_close_matches(key, list(known_keys()), n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]}?" if near else "; `crofter config ls` lists all settings."
    return CrofterError(ErrorCode.CONFIG_INVALID, f"{place} sets {key}, which does not exist{hint}", parameter=key)


def _split_known(key: str, place: str) -> tuple[str, str]:
    section, _, name = key.partition(".")
    if section not in SECTIONS or name not in SECTIONS[section].__struct_fields__:
        raise unknown_key(key, place)
    return section, name


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, key in SHARED_VARIABLES.items():
        text = environment.get(variable, "")
        if key.endswith("offline") and text.lower() in _YES:
            found[key] = "true"
        elif key.endswith("endpoint") and text:
            found[key] = text
    for variable, text in environment.items():
        if variable in CLIENT_VARIABLES:
            continue
        for section in SECTIONS:
            start = f"CROFTER_{section.upper()}_"
            if variable.startswith(start):
                found[f"{section}.{variable.removeprefix(start).lower()}"] = text
    return found
