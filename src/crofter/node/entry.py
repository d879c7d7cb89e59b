"""What the command line calls. Each function imports what it needs, so that asking where the node is costs nothing."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .home import Home

if TYPE_CHECKING:
    from crofter.api import Check, Setting
    from crofter.cluster import FamilyMatrix, FamilyProof
    from crofter.store import KeyPlace

    from .config import HubEnvironment
    from .trying import Trial

_PATIENCE_SECONDS = 120.0
"""For somebody who is asked for the keyring's password."""


def run_node(
    home: Home,
    flags: Mapping[str, object],
    announce: Callable[[str, str], None] | None,
    passphrase: str | None = None,
) -> None:
    """Serve until asked to stop; blocks. `announce(url, default model)` is called when ready, None in the background.

    `flags` are dotted settings from the command line; `passphrase` is the identity's, if it has one.
    Raises CrofterError when the node cannot start.
    """
    import importlib.util

    import anyio

    from .config import load_config
    from .identity import forget_given_passphrase, load_identity, only_holder
    from .logs import configure_logging
    from .node import Node
    from .parts import make_parts

    # Whatever this process and its workers create is their owner's alone.
    os.umask(0o077)
    home.prepare()
    loaded = load_config(home.config_file, os.environ, flags)
    with home.lock():
        configure_logging(home.log_file, loaded.config.node.log_level, foreground=announce is not None)
        identity = load_identity(home, passphrase)
        forget_given_passphrase()

        async def create_and_run() -> None:
            await Node(make_parts(home, loaded.config, identity), loaded, flags).run(announce)

        options = {"use_uvloop": importlib.util.find_spec("uvloop") is not None}
        with only_holder(identity.node_id, home):
            anyio.run(create_and_run, backend_options=options)


def diagnose(home: Home) -> "list[Check]":
    """Doctor's findings while no node runs. A broken configuration or store is a finding, not an error."""
    from .diagnosis import diagnose_stopped

    return diagnose_stopped(home, os.environ)


def family_matrix(
    home: Home, names: Sequence[str], *, again: bool, observe: "Callable[[FamilyProof], None]"
) -> "FamilyMatrix":
    """Which kinds of models can run over several nodes. See `families.py`."""
    from .families import family_matrix

    return family_matrix(home, names, again=again, observe=observe)


def trial(path: Path, name: str, node_count: int) -> "Trial":
    """How to try a model over several nodes on this machine. See `trying.py`."""
    from . import trying

    return trying.trial(path, name, node_count)


def store_key_place(home: Home) -> "KeyPlace":
    """Whether the key of the store lies in its file or in the OS keyring. Raises STORE_FAILED."""
    from crofter import store

    return store.store_key_place(home.store_key_file)


def move_store_key(home: Home, place: "KeyPlace") -> None:
    """Put the key of the store there; the keyring may ask whoever sits here to unlock it.

    Raises CONFLICT while a node runs, STORE_FAILED if a keyring or the file cannot be used, DISK_FULL.
    """
    from crofter import store

    home.prepare()
    with home.lock():
        keyring = store.OsKeyring(limit_seconds=_PATIENCE_SECONDS, may_prompt=True)
        store.move_store_key(home.store_key_file, place, keyring)


def hub_environment() -> "HubEnvironment":
    """What this process's environment says about the hub: offline, endpoint, token."""
    from . import config

    return config.hub_environment(os.environ)


def import_environment() -> "dict[str, str]":
    """Where this process's user keeps the models of other programs."""
    from . import config

    return config.import_environment(os.environ)


def stored_settings(home: Home) -> "list[Setting]":
    """The settings a node would start with. Raises CONFIG_INVALID."""
    from . import settings
    from .config import load_config

    return settings.listed(load_config(home.config_file, os.environ, {}))


def change_stored_setting(home: Home, key: str, value: str) -> "Setting":
    """Write one setting for the next start. Raises NOT_FOUND or CONFIG_INVALID, with nothing written."""
    from . import settings

    return settings.setting(settings.changed(home, key, value, {}), key)
