"""API keys and the administrator token: what they allow, what was used with them."""

from .account import Account
from .ring import KeyRing
from .secret import new_secret, same_secret

__all__ = ["Account", "KeyRing", "new_secret", "same_secret"]
