"""What is right and wrong with this machine and this home: one function a check, each finding with advice. Changes nothing."""

import socket
import stat
from collections.abc import Sequence

from crofter.api import ApiSettings, Check
from crofter.core import CrofterError
from crofter.engine import LibraryFacts, Machine
from crofter.models import ModelRegistry
from crofter.providers import KINDS, FoundServer

from .home import Home, RunningNode
from .identity import identity_has_passphrase, stored_identity
from .machine import free_disk_bytes, processor_name

SCARCE_DISK_BYTES = 2_000_000_000
SCARCE_MEMORY_BYTES = 1_000_000_000


def machine_checks(machine: Machine, library: LibraryFacts | CrofterError) -> list[Check]:
    """Processor, memory and the llama.cpp library; `library` is the error when it could not be asked."""
    return [
        processor_check(machine),
        memory_check(machine.total_bytes, machine.available_bytes),
        *library_checks(library),
    ]


def home_checks(home: Home, api: ApiSettings, running: RunningNode | None) -> list[Check]:
    """The folder, its disk, and the address."""
    return [
        permission_check(home),
        identity_check(home),
        disk_check(home, free_disk_bytes(home.root)),
        address_check(api, running),
    ]


def processor_check(machine: Machine) -> Check:
    return Check(name="processor", verdict="ok", finding=f"{processor_name()}, {machine.physical_cores} cores to use")


def memory_check(total_bytes: int, available_bytes: int) -> Check:
    finding = f"{_gigabytes(available_bytes)} of {_gigabytes(total_bytes)} free"
    if available_bytes >= SCARCE_MEMORY_BYTES:
        return Check(name="memory", verdict="ok", finding=finding)
    return Check(
        name="memory",
        verdict="warning",
        finding=finding,
        advice="close programs, or unload models with `crofter stop`; only small models fit now",
    )


def library_checks(library: LibraryFacts | CrofterError) -> Sequence[Check]:
    if isinstance(library, CrofterError):
        return [
            Check(name="llama.cpp", verdict="problem", finding=library.message, advice="install llama-cpp-python again")
        ]
    gpu = Check(
        name="GPU",
        verdict="ok",
        finding=", ".join(library.devices) or "none in use; the processor does the work",
        advice="" if library.gpu_offload else "with a GPU, install a llama-cpp-python built for it (see the README)",
    )
    return [Check(name="llama.cpp", verdict="ok", finding=f"{library.version}; {library.system_info}"), gpu]


def permission_check(home: Home) -> Check:
    if not home.root.exists():
        return Check(name="home", verdict="ok", finding=f"{home.root} will be made by the first start")
    private = [home.root, home.store_key_file, home.database_file, home.running_file, home.config_file]
    open_to_others = [
        path.name
        for path in private
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _others_may(path.is_dir())
    ]
    if not open_to_others:
        return Check(name="home", verdict="ok", finding=f"{home.root}, for your eyes only")
    return Check(
        name="home",
        verdict="warning",
        finding=f"in {home.root}, other users can get at {', '.join(open_to_others)}",
        advice=f"chmod -R go-rwx {home.root}",
    )


def identity_check(home: Home) -> Check:
    """Whether the identity's file is there, whole and private, and what protects it."""
    if not home.identity_file.exists():
        return Check(name="identity", verdict="ok", finding="will be made by the first start")
    try:
        shown = stored_identity(home).fingerprint
        protection = "its passphrase" if identity_has_passphrase(home.identity_file) else "its file's mode only"
    except CrofterError as error:
        return Check(name="identity", verdict="problem", finding=error.message)
    return Check(name="identity", verdict="ok", finding=f"{shown}, protected by {protection}")


def disk_check(home: Home, free_bytes: int) -> Check:
    finding = f"{_gigabytes(free_bytes)} free at {home.root}"
    if free_bytes >= SCARCE_DISK_BYTES:
        return Check(name="disk", verdict="ok", finding=finding)
    advice = "free some space, `crofter rm` a model, or move the home (CROFTER_HOME)"
    return Check(name="disk", verdict="warning", finding=finding, advice=advice)


def address_check(api: ApiSettings, running: RunningNode | None) -> Check:
    """Whether the address is ours, free, or somebody else's."""
    if running is not None:
        return Check(name="address", verdict="ok", finding=f"this node serves {running.url}")
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((api.host, api.port))
        except OSError as error:
            return Check(
                name="address",
                verdict="problem",
                finding=f"{api.host}:{api.port} cannot be used: {error.strerror}",
                advice="stop the other program, or choose another port: crofter config set api.port 7412",
            )
    return Check(name="address", verdict="ok", finding=f"{api.host}:{api.port} is free")


def servers_check(found: Sequence[FoundServer], attached: Sequence[str]) -> list[Check]:
    """Engines on this machine that could be used through the node, each with the command that adds it."""
    return [
        Check(
            name="engine",
            verdict="ok",
            finding=f"{KINDS[server.kind_name].title} at {server.base_url}, {server.model_count} models",
            advice="" if server.base_url in attached else server.command,
        )
        for server in found
    ]


def models_check(registry: ModelRegistry) -> Check:
    """Whether every installed model's file is still there and unchanged."""
    damaged: list[str] = []
    models = registry.installed()
    for model in models:
        try:
            registry.resolve(model.name)
        except CrofterError as error:
            damaged.append(f"{model.name}: {error.message}")
    if damaged:
        advice = "remove and pull these again: crofter rm NAME, crofter pull FILE"
        return Check(name="models", verdict="problem", finding="; ".join(damaged), advice=advice)
    if not models:
        return Check(name="models", verdict="warning", finding="none installed", advice="crofter pull FILE.gguf")
    return Check(name="models", verdict="ok", finding=f"{len(models)} installed, all files in place")


def _others_may(folder: bool) -> int:
    return stat.S_IRWXG | stat.S_IRWXO if folder else stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"
