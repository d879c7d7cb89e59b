"""Puts doctor's checks together: for a running node, and for one that does not run, or cannot."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from crofter.api import ApiSettings, Check, NetworkStatus
from crofter.core import CrofterError
from crofter.engine import LibraryFacts, library_facts, machine_now
from crofter.models import ModelRegistry
from crofter.providers import found_servers
from crofter.store import Database, ModelRecords, store_key, store_key_place

from .config import load_config
from .doctor import home_checks, machine_checks, models_check, servers_check
from .home import Home, RunningNode
from .network_checks import library_checks, network_checks
from .parts import Parts


def diagnose_running(
    parts: Parts, api: ApiSettings, running: RunningNode | None, network: NetworkStatus
) -> list[Check]:
    """Doctor's findings, from inside the node. Blocks for about a second."""
    port = urlsplit(running.url).port if running else None
    attached = [provider.base_url for provider in parts.providers.book.all()]
    return [
        *machine_checks(machine_now(), _library()),
        *home_checks(parts.home, api, running),
        Check(name="store", verdict="ok", finding="open and encrypted"),
        models_check(parts.registry),
        *network_checks(network),
        *servers_check(found_servers([port] if port else []), attached),
    ]


def diagnose_stopped(home: Home, environment: Mapping[str, str]) -> list[Check]:
    """Doctor's findings while no node runs. What a node would fail on becomes a finding with advice."""
    try:
        api = load_config(home.config_file, environment, {}).config.api
        configuration = Check(
            name="settings", verdict="ok", finding=f"{home.config_file} and the environment are valid"
        )
    except CrofterError as error:
        api = ApiSettings()
        advice = "correct that setting; `crofter config ls` shows all of them when it is right"
        configuration = Check(name="settings", verdict="problem", finding=error.message, advice=advice)
    return [
        *machine_checks(machine_now(), _library()),
        *home_checks(home, api, None),
        configuration,
        *_store_checks(home),
        *library_checks(),
        *servers_check(found_servers([]), []),
    ]


def _store_checks(home: Home) -> list[Check]:
    if not home.database_file.exists():
        return [Check(name="store", verdict="ok", finding="will be made by the first start")]
    try:
        database = Database.open(home.database_file, store_key(home.store_key_file))
    except CrofterError as error:
        advice = "put crofter.db and store.key back from a copy; without its key a store cannot be read"
        if store_key_place(home.store_key_file) == "keyring":
            advice = "see to the keyring of the user who put the key there; without it the store cannot be read"
        return [Check(name="store", verdict="problem", finding=error.message, advice=advice)]
    try:
        models = models_check(ModelRegistry(ModelRecords(database), home.models_folder))
    finally:
        database.close()
    return [Check(name="store", verdict="ok", finding="opens and is encrypted"), models]


def _library() -> LibraryFacts | CrofterError:
    try:
        return library_facts()
    except CrofterError as error:
        return error
