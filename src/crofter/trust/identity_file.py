"""Identity files on disk: for their owner only, whole or absent, and never replaced without keeping the old one."""

import os
import stat
from itertools import count
from pathlib import Path

from crofter.core import CrofterError, ErrorCode
from crofter.store import flush_names, remove_leftovers, write_atomically

from .identity import Identity
from .identity_format import StoredIdentity, encoded_identity

_MOST_BYTES = 65_536


def read_identity(path: Path) -> StoredIdentity:
    """What a file holds, not yet opened.

    Raises NOT_FOUND if there is none, and IDENTITY_UNUSABLE if it cannot be read, is damaged, or is open to other users, which is
    refused as ssh refuses it: somebody may have read the key, and mending that silently would hide it.
    """
    try:
        with path.open("rb") as file:
            kept = os.fstat(file.fileno())
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise CrofterError(ErrorCode.NOT_FOUND, f"there is no {path}.") from None
    except OSError as error:
        raise _unusable(f"{path} cannot be read: {error.strerror}.") from error
    # As ssh: what belongs to another user is that one's to guard, such as a secret that the system hands to a service.
    if kept.st_uid == os.getuid() and stat.S_IMODE(kept.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise _unusable(
            f"other users can get at {path} (mode {stat.S_IMODE(kept.st_mode):04o}). If nobody else has read it: chmod 600 {path}"
        )
    return StoredIdentity(content, str(path))


def make_identity(path: Path) -> StoredIdentity:
    """A new one in a file that is not there yet. The caller lets nobody else make one at the same time.

    Raises DISK_FULL, IDENTITY_UNUSABLE.
    """
    # A start that was killed in the middle left a key that nobody knows.
    remove_leftovers(path.parent)
    _write(path, encoded_identity(Identity.make(), None))
    return read_identity(path)


def reseal_identity(path: Path, current: str | None, new: str | None) -> None:
    """Give the file another passphrase; with None none. Raises what reading and opening raise, INVALID_REQUEST, DISK_FULL."""
    _write(path, encoded_identity(read_identity(path).open(current), new))


def export_identity(path: Path, target: Path, passphrase: str | None) -> StoredIdentity:
    """Write a copy that only a passphrase opens: the identity's own if it has one, else the one given.

    Raises CONFLICT if the target is there, INVALID_REQUEST without any passphrase, and FORBIDDEN, with nothing left, if the
    target's file system would let others read it.
    """
    stored = read_identity(path)
    content = stored.content if stored.has_passphrase else encoded_identity(stored.open(), passphrase or "")
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CrofterError(ErrorCode.CONFLICT, f"{target} is there already; choose another name.") from None
    except OSError as error:
        raise _unusable(f"{target} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            _require_private(target, os.fstat(descriptor).st_mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        flush_names(target.absolute().parent)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return stored


def import_identity(path: Path, source: Path, passphrase: str | None, *, replace: bool) -> StoredIdentity:
    """Take over an identity from a file, with the passphrase it has there. What `path` held before is kept as `identity.key.1`, `.2` …

    Raises what reading and opening raise, before anything is changed, CONFLICT if there is an identity and `replace` is not
    given, DISK_FULL.
    """
    stored = read_identity(source)
    stored.open(passphrase)
    if path.exists():
        if not replace:
            raise CrofterError(
                ErrorCode.CONFLICT,
                f"this node has an identity already ({path}); with --replace it becomes the other node, and the old key stays"
                " beside it.",
            )
        beside = next(kept for number in count(1) if not (kept := path.with_name(f"{path.name}.{number}")).exists())
        _write(beside, path.read_bytes())
    _write(path, stored.content)
    return stored


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise _unusable(f"{path} cannot be written: {error.strerror}.") from error


def _require_private(target: Path, mode: int) -> None:
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise CrofterError(
            ErrorCode.FORBIDDEN,
            f"other users could read {target}, as its file system keeps no permissions. Write it to a place of your own first.",
        )


def _unusable(message: str) -> CrofterError:
    return CrofterError(ErrorCode.IDENTITY_UNUSABLE, message)
