"""How long a model stays in memory, as these clients say it. Pure."""

import re

from crofter.api.access import Account
from crofter.core import CrofterError, ErrorCode

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "\u00b5s": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|\u00b5s|ns)")
_DURATION = re.compile(rf"[+-]?(?:{_PART.pattern})+")
_LONGEST_SECONDS = 1e9


def may_decide(account: Account | None) -> bool:
    """Whether who asks says how long a model stays, which is everybody's: the owner, and keys with the scope `admin`."""
    return account is None or "admin" in account.policy.scopes


def heeded_seconds(given: str | float | None, account: Account | None) -> float | None:
    """`keep_alive_seconds` of those who may decide; None, which leaves it to the settings, for others. Raises INVALID_REQUEST."""
    seconds = keep_alive_seconds(given)
    return seconds if may_decide(account) else None


def keep_alive_seconds(given: str | float | None) -> float | None:
    """Seconds; negative: for ever. Text is a duration of Go ("1h30m") or a number. Raises INVALID_REQUEST."""
    if given is None or given == "":
        return None
    seconds = float(given) if not isinstance(given, str) else _parsed(given.strip())
    if seconds is None or not abs(seconds) < float("inf"):
        message = "keep_alive is a number of seconds or a duration such as 5m or 1h30m; -1 means for ever"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="keep_alive")
    return min(max(seconds, -1.0), _LONGEST_SECONDS)


def _parsed(text: str) -> float | None:
    if _DURATION.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        return -seconds if text.startswith("-") else seconds
    try:
        return float(text)
    except ValueError:
        return None
