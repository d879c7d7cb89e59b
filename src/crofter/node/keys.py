"""API keys and the administrator token: made here, kept only as hashes, compared in constant time."""

import hashlib
import hmac
import re
import secrets
import time

import msgspec

from crofter.api import CreatedKey, KeySummary
from crofter.core import CrofterError, ErrorCode
from crofter.store import KeyRecord, KeyRecords

KEY_PREFIX = "crofter-"
VISIBLE_CHARACTERS = len(KEY_PREFIX) + 6
USE_RESOLUTION_SECONDS = 60.0
_NAME = re.compile(r"[\w.@ -]{1,64}")


def new_secret() -> str:
    """A fresh secret of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a secret. Plain SHA-256 is enough: 256 random bits leave nothing to stretch."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same_secret(one: str, other: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(digest(one), digest(other))


class KeyRing:
    """The node's API keys. Kept in memory too: they are asked for with every request."""

    def __init__(self, records: KeyRecords) -> None:
        self._records = records
        self._keys = {record.name: record for record in records.all()}

    def create(self, name: str) -> CreatedKey:
        """A new key, with its secret for the only time. Raises INVALID_REQUEST for an unusable name, CONFLICT for a taken one."""
        if not _NAME.fullmatch(name):
            raise CrofterError(
                ErrorCode.INVALID_REQUEST,
                "a key's name is 1 to 64 letters, digits, spaces or . _ @ -",
                parameter="name",
            )
        secret = new_secret()
        record = KeyRecord(name=name, prefix=secret[:VISIBLE_CHARACTERS], digest=digest(secret), created_at=time.time())
        self._records.add(record)
        self._keys[name] = record
        return CreatedKey(summary=_summary(record), secret=secret)

    def all(self) -> list[KeySummary]:
        """Every key, without secrets, as stored: last uses included."""
        return [_summary(record) for record in self._records.all()]

    def revoke(self, name: str) -> KeySummary:
        """Forget a key; it stops working at once. Raises NOT_FOUND."""
        record = self._records.remove(name)
        del self._keys[name]
        return _summary(record)

    @property
    def empty(self) -> bool:
        """Whether no key was ever created or all are revoked."""
        return not self._keys

    def accepts(self, secret: str) -> bool:
        """Whether some key has this secret, in a time that does not depend on which; records the use."""
        asked = digest(secret)
        found: KeyRecord | None = None
        for record in self._keys.values():
            if hmac.compare_digest(record.digest, asked):
                found = record
        if found is None:
            return False
        now = time.time()
        if found.last_used_at is None or now - found.last_used_at >= USE_RESOLUTION_SECONDS:
            self._records.record_use(found, now)
            self._keys[found.name] = msgspec.structs.replace(found, last_used_at=now)
        return True


def _summary(record: KeyRecord) -> KeySummary:
    return KeySummary(
        name=record.name,
        prefix=record.prefix,
        created_at=record.created_at,
        last_used_at=record.last_used_at,
    )
