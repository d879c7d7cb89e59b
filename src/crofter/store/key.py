"""The key of the database: random bytes in a file only the owner can read, or in the OS keyring; optionally bound to a passphrase."""

import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Literal

from crofter.core import CrofterError, ErrorCode

from .files import remove_leftovers, write_atomically
from .os_keyring import Keyring, OsKeyring

_KEY_BYTES = 32
_SCRYPT_MEMORY_BYTES = 64 << 20
_REFERENCE = re.compile(rb"keyring ([0-9a-f]{32})\n")
"""What the file holds instead of a key that is in the keyring: by what name it is there."""
_UNATTENDED = OsKeyring(limit_seconds=15.0, may_prompt=False)

KeyPlace = Literal["file", "keyring"]


def store_key(path: Path, passphrase: str = "", *, keyring: Keyring = _UNATTENDED) -> bytes:
    """The 32-byte key kept in `path` (0600), made on first use, or in the keyring if the file says so.

    With a passphrase, that is only the salt.

    Raises STORE_FAILED if the file or the keyring cannot be used or has no such key. A changed passphrase is not noticed here:
    the database refuses the key.
    """
    kept = _key(path, _kept_bytes(path), keyring)
    if not passphrase:
        return kept
    return hashlib.scrypt(
        passphrase.encode(), salt=kept, n=1 << 15, r=8, p=1, maxmem=_SCRYPT_MEMORY_BYTES, dklen=_KEY_BYTES
    )


def store_key_place(path: Path) -> KeyPlace:
    """Where the key is. Raises STORE_FAILED if the file cannot be read."""
    return "keyring" if path.exists() and _REFERENCE.fullmatch(_kept_bytes(path)) else "file"


def move_store_key(path: Path, place: KeyPlace, keyring: Keyring) -> None:
    """Put the key where it is wanted; whatever stops this, it is at least in one place, and the file says in which.

    To be called by the only user of the store. Raises STORE_FAILED, DISK_FULL.
    """
    remove_leftovers(path.parent)  # One of them may hold the key.
    kept = _kept_bytes(path)
    key = _key(path, kept, keyring)
    name = _name(key)
    if place == "keyring" and kept == key:
        keyring.set(name, key.hex())
        if keyring.get(name) != key.hex():
            raise _failed("The OS keyring did not give back what it was given; the key stays in its file.")
        _write(path, f"keyring {name}\n".encode())
    elif place == "file" and kept != key:
        _write(path, key)
        keyring.delete(name)


def _key(path: Path, kept: bytes, keyring: Keyring) -> bytes:
    """The key that a file's content is or names."""
    reference = _REFERENCE.fullmatch(kept)
    if reference is None:
        if len(kept) != _KEY_BYTES:
            raise _failed(
                f"The key file {path} is damaged ({len(kept)} bytes instead of {_KEY_BYTES}): put back a copy of it."
                " Without it the database cannot be read."
            )
        return kept
    name = reference[1].decode()
    found = keyring.get(name)
    key = bytes.fromhex(found) if found and re.fullmatch(r"[0-9a-f]{64}", found) else b""
    if not key or _name(key) != name:
        raise _failed(
            f"The OS keyring has no key crofter/{name}, where {path} says that it is: log in as the user who put it there,"
            " on that machine, or put back a store.key from before."
        )
    return key


def _name(key: bytes) -> str:
    """By what name the keyring has it: tells it from other keys, and nothing about it."""
    return hashlib.sha256(key).hexdigest()[:32]


def _kept_bytes(path: Path) -> bytes:
    try:
        return _read_or_made(path)
    except OSError as error:
        raise _unusable(path, error) from error


def _read_or_made(path: Path) -> bytes:
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


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
        if path.read_bytes() == content:
            return
    except OSError as error:
        raise _unusable(path, error) from error
    raise _failed(f"The key file {path} does not hold what was written to it.")


def _unusable(path: Path, error: OSError) -> CrofterError:
    return _failed(f"The key file {path} cannot be used: {error.strerror}.")


def _failed(message: str) -> CrofterError:
    return CrofterError(ErrorCode.STORE_FAILED, message)
