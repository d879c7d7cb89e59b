"""The key of the database: random bytes in a file only the owner can read, optionally bound to a passphrase."""

import hashlib
import os
import secrets
from pathlib import Path

from crofter.core import CrofterError, ErrorCode

_KEY_BYTES = 32
_SCRYPT_MEMORY_BYTES = 64 << 20


def store_key(path: Path, passphrase: str = "") -> bytes:
    """The 32-byte key kept in `path` (0600), made on first use; with a passphrase the file is only the salt.

    Raises STORE_FAILED if the file cannot be read or written or is not such a key. A changed passphrase is not noticed here:
    the database refuses the key.
    """
    try:
        kept = _kept_bytes(path)
    except OSError as error:
        raise CrofterError(ErrorCode.STORE_FAILED, f"The key file {path} cannot be used: {error.strerror}.") from error
    if len(kept) != _KEY_BYTES:
        raise CrofterError(
            ErrorCode.STORE_FAILED,
            f"The key file {path} is damaged ({len(kept)} bytes instead of {_KEY_BYTES}): put back a copy of it."
            " Without it the database cannot be read.",
        )
    if not passphrase:
        return kept
    return hashlib.scrypt(
        passphrase.encode(), salt=kept, n=1 << 15, r=8, p=1, maxmem=_SCRYPT_MEMORY_BYTES, dklen=_KEY_BYTES
    )


def _kept_bytes(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # A file that was copied by hand may have become readable for others.
        path.chmod(0o600)
        if path.stat().st_size:
            return path.read_bytes()
        # Killed between making the file and writing the key: no database can depend on it yet.
        handle = os.open(path, os.O_WRONLY)
    fresh = secrets.token_bytes(_KEY_BYTES)
    with os.fdopen(handle, "wb") as file:
        file.write(fresh)
        file.flush()
        os.fsync(file.fileno())
    return fresh
