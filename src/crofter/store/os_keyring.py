"""The keyring of the operating system: asked in a process of its own, within a limit of time."""

import subprocess
import sys
from typing import Literal, Protocol

import msgspec

from crofter.core import CrofterError, ErrorCode

_ADVICE = {
    "no library": "this Crofter cannot speak to it: pip install 'crofter[keyring]'",
    "absent": "there is none to be reached from here: start Crofter within your desktop's session, where there is one",
    "locked": "it is locked: unlock it (log in to the desktop, or open its password manager), then try again",
    "failed": "it failed",
}


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What the keyring is to do with the secret of that name."""

    action: Literal["get", "set", "delete"]
    name: str
    secret: str = ""
    """To `set`."""
    may_prompt: bool = False
    """Whether somebody is there who could unlock it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    problem: Literal["", "no library", "absent", "locked", "failed"] = ""
    detail: str = ""
    secret: str | None = None
    """To `get`; None if it has none of that name."""

    def error(self) -> CrofterError:
        """The problem, with what to do about it."""
        return _failed(_ADVICE[self.problem] + (f" ({self.detail[:300]})" if self.detail else ""))


class Keyring(Protocol):
    """Keeps secrets by name. Every method raises CrofterError STORE_FAILED, saying what to do."""

    def get(self, name: str) -> str | None:
        """None if there is none of that name."""
        ...

    def set(self, name: str, secret: str) -> None: ...
    def delete(self, name: str) -> None: ...


class OsKeyring:
    """The real one. See `Keyring`."""

    def __init__(self, *, limit_seconds: float, may_prompt: bool) -> None:
        """`may_prompt`: whether somebody is there for whom it may open a window."""
        self._limit_seconds = limit_seconds
        self._may_prompt = may_prompt

    def get(self, name: str) -> str | None:
        return self._asked("get", name).secret

    def set(self, name: str, secret: str) -> None:
        self._asked("set", name, secret)

    def delete(self, name: str) -> None:
        self._asked("delete", name)

    def _asked(self, action: Literal["get", "set", "delete"], name: str, secret: str = "") -> Outcome:
        ask = Ask(action=action, name=name, secret=secret, may_prompt=self._may_prompt)
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "crofter.store.keyring_child"],
                input=msgspec.json.encode(ask),
                capture_output=True,
                timeout=self._limit_seconds,
                check=False,
                start_new_session=True,  # Ctrl-C is the caller's to handle.
            )
        except subprocess.TimeoutExpired:
            patience = f"it did not answer within {self._limit_seconds:g} seconds"
            raise _failed(f"{patience}; if it asks something in a window, answer it and try again") from None
        if done.returncode:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Outcome(problem="failed", detail=last).error()
        outcome = msgspec.json.decode(done.stdout, type=Outcome)
        if outcome.problem:
            raise outcome.error()
        return outcome


def _failed(what: str) -> CrofterError:
    return CrofterError(ErrorCode.STORE_FAILED, f"The OS keyring is needed for the key of the store, and {what}.")
