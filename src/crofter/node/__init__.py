"""The composition root: configuration, wiring, start and stop. What is heavy is imported when a node is really made."""

from .entry import (
    change_stored_setting,
    diagnose,
    hub_environment,
    import_environment,
    move_store_key,
    run_node,
    store_key_place,
    stored_settings,
)
from .home import Home, RunningNode
from .release import crofter_version

__all__ = [
    "Home",
    "RunningNode",
    "change_stored_setting",
    "crofter_version",
    "diagnose",
    "hub_environment",
    "import_environment",
    "move_store_key",
    "run_node",
    "store_key_place",
    "stored_settings",
]
