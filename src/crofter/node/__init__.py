"""The composition root: configuration, wiring, start and stop. What is heavy is imported when a node is really made."""

from .entry import (
    change_stored_setting,
    diagnose,
    family_matrix,
    hub_environment,
    import_environment,
    move_store_key,
    run_node,
    store_key_place,
    stored_settings,
    trial,
)
from .home import Home, RunningNode
from .identity import (
    change_identity_passphrase,
    export_identity,
    given_passphrase,
    identity_has_passphrase,
    import_identity,
    stored_identity,
)
from .locks import held
from .release import crofter_version

__all__ = [
    "Home",
    "RunningNode",
    "change_identity_passphrase",
    "change_stored_setting",
    "crofter_version",
    "diagnose",
    "export_identity",
    "family_matrix",
    "given_passphrase",
    "held",
    "hub_environment",
    "identity_has_passphrase",
    "import_environment",
    "import_identity",
    "move_store_key",
    "run_node",
    "store_key_place",
    "stored_identity",
    "stored_settings",
    "trial",
]
