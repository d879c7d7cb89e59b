"""Secrets: 256 random bits each, kept only as hashes."""

import hashlib
import hmac
import secrets

KEY_PREFIX = "crofter-"
VISIBLE_CHARACTERS = len(KEY_PREFIX) + 6


def new_secret() -> str:
    """A fresh secret of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is kept of a secret. Plain SHA-256 is enough: 256 random bits leave nothing to stretch."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def same_secret(one: str, other: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(digest(one), digest(other))
