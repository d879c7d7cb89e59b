"""This node's identity: made by the first start, held by one node at a time, and what `crofter id` does with it.

Imports what it needs inside functions, so that naming these costs a command nothing.
"""

import hashlib
import logging
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from crofter.core import CrofterError, ErrorCode, NodeId

from .home import Home
from .locks import held

if TYPE_CHECKING:
    from crofter.api import NodeIdentity
    from crofter.trust import Identity, StoredIdentity

_VARIABLE = "CROFTER_IDENTITY_PASSPHRASE"
_FILE_VARIABLE = "CROFTER_IDENTITY_PASSPHRASE_FILE"
_MOST_PASSPHRASE_BYTES = 4096

_logger = logging.getLogger("crofter.node")


def load_identity(home: Home, passphrase: str | None) -> "Identity":
    """The identity of a node that starts, made if there is none. The home must be prepared, and locked by the caller.

    Raises IDENTITY_LOCKED, IDENTITY_UNUSABLE, DISK_FULL.
    """
    from crofter.trust import fingerprint, make_identity

    with _changing(home):
        stored = _stored(home.identity_file) or make_identity(home.identity_file)
    identity = stored.open(passphrase)
    _logger.info("identity loaded", extra={"identity": fingerprint(identity.node_id)})
    return identity


@contextmanager
def only_holder(node_id: NodeId, home: Home) -> Generator[None]:
    """Be the one node of this user on this machine that has this key, while the block runs. Raises CONFLICT.

    The home's own lock does not see a copy of the home: two nodes with one key take each other's connections.
    """
    # Not the runtime folder: a service and a terminal of the same user often have different ones.
    folder = platformdirs.user_state_path("crofter") / "running"
    path = folder / f"{hashlib.sha256(node_id).hexdigest()[:32]}.lock"
    with ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = stack.enter_context(held(path, lambda: _held_elsewhere(path, home)))
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, os.fsencode(home.root), 0)
        except OSError as error:
            _logger.warning(
                "another node with this identity would not be noticed", extra={"place": str(path), "reason": str(error)}
            )
        yield


def identity_values(node_id: NodeId) -> "NodeIdentity":
    """An id in every form it is shown in."""
    from crofter.api import NodeIdentity
    from crofter.trust import did_key, fingerprint, readable_id

    return NodeIdentity(id=readable_id(node_id), did=did_key(node_id), fingerprint=fingerprint(node_id))


def stored_identity(home: Home) -> "NodeIdentity":
    """The identity a node would start with; needs no passphrase. Raises NOT_FOUND before the first start, IDENTITY_UNUSABLE."""
    stored = _stored(home.identity_file)
    if stored is None:
        message = (
            "this node has no identity yet; its first start makes one (`crofter up`), or `crofter id import FILE`."
        )
        raise CrofterError(ErrorCode.NOT_FOUND, message)
    return identity_values(stored.node_id)


def identity_has_passphrase(file: Path) -> bool:
    """Whether an identity file opens with a passphrase only; one that is not there does not. Raises IDENTITY_UNUSABLE."""
    stored = _stored(file)
    return stored is not None and stored.has_passphrase


def export_identity(home: Home, target: Path, passphrase: str | None) -> "NodeIdentity":
    """Write a copy that only a passphrase opens: `passphrase`, or the one the identity has. Raises what `trust` raises."""
    from crofter.trust import export_identity

    return identity_values(export_identity(home.identity_file, target, passphrase).node_id)


def import_identity(home: Home, source: Path, passphrase: str | None, *, replace: bool) -> "NodeIdentity":
    """Become the node that a copy was made of. Raises CONFLICT while a node runs here, and what `trust` raises."""
    from crofter.trust import import_identity

    home.prepare()
    with home.lock(), _changing(home):
        stored = import_identity(home.identity_file, source, passphrase, replace=replace)
    return identity_values(stored.node_id)


def change_identity_passphrase(home: Home, current: str | None, new: str | None) -> None:
    """Protect the key with another passphrase, or with None by nothing but the file's mode; a running node goes on as it is."""
    from crofter.trust import reseal_identity

    home.prepare()
    with _changing(home):
        reseal_identity(home.identity_file, current, new)


def given_passphrase() -> str | None:
    """The passphrase that the environment gives a service, or the first line of the file it names; else None.

    Raises CONFIG_INVALID if that file cannot be read.
    """
    if passphrase := os.environ.get(_VARIABLE):
        return passphrase
    named = os.environ.get(_FILE_VARIABLE)
    if not named:
        return None
    try:
        with Path(named).open("rb") as file:
            line = file.readline(_MOST_PASSPHRASE_BYTES)
    except OSError as error:
        message = f"{_FILE_VARIABLE} names {named}, which cannot be read: {error.strerror}."
        raise CrofterError(ErrorCode.CONFIG_INVALID, message) from error
    return os.fsdecode(line.rstrip(b"\r\n")) or None


def forget_given_passphrase() -> None:
    """Keep it from the processes that this one starts."""
    os.environ.pop(_VARIABLE, None)


def _stored(file: Path) -> "StoredIdentity | None":
    from crofter.trust import read_identity

    try:
        return read_identity(file)
    except CrofterError as error:
        if error.code is ErrorCode.NOT_FOUND:
            return None
        raise


@contextmanager
def _changing(home: Home) -> Generator[None]:
    """One process at a time makes, replaces or seals the file."""
    with held(home.identity_lock_file, lambda: f"another command is changing the identity in {home.root}; try again."):
        yield


def _held_elsewhere(path: Path, home: Home) -> str:
    try:
        elsewhere = os.fsdecode(path.read_bytes()) or "another folder"
    except OSError:
        elsewhere = "another folder"
    return (
        f"a node with the identity of {home.root} runs already, on {elsewhere}. One identity is one node: stop that one, or"
        f" move {home.identity_file} away, and this one makes its own."
    )
