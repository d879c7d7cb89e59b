"""The process that asks the OS keyring, so that a wait for somebody who is away can be ended. The only file that imports keyring."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from .os_keyring import Ask, Outcome

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_SERVICE = "crofter"
_LEAST_PRIORITY = 1
"""What the library recommends begins here."""


def served(ask: Ask, backend: "KeyringBackend") -> Outcome:
    """Do it. What is wrong with the keyring is an outcome, too."""
    from keyring import errors

    try:
        if not ask.may_prompt and _would_prompt(backend):
            return Outcome(problem="locked")
        if ask.action == "set":
            backend.set_password(_SERVICE, ask.name, ask.secret)  # pyright: ignore[reportUnknownMemberType] - wrapped
        elif ask.action == "delete":
            backend.delete_password(_SERVICE, ask.name)
        else:
            return Outcome(secret=backend.get_password(_SERVICE, ask.name))
    except errors.KeyringLocked as error:
        return Outcome(problem="locked", detail=str(error))
    except errors.NoKeyringError:
        return Outcome(problem="absent")
    except errors.KeyringError as error:
        return Outcome(problem="failed", detail=str(error))
    return Outcome()


def _chosen() -> "KeyringBackend":
    """What the owner configured for the library, else the best there is; never one that it does not recommend, such as plain files.

    Not its chain of several, which could look for a key elsewhere than where it was put.
    """
    from keyring import backend, core
    from keyring.backends import chainer, fail

    usable = [
        each
        for each in backend.get_all_keyring()
        if each.priority >= _LEAST_PRIORITY and not isinstance(each, chainer.ChainerBackend)
    ]
    return core.load_env() or core.load_config() or max(usable, key=backend.by_priority, default=fail.Keyring())


def _would_prompt(backend: "KeyringBackend") -> bool:
    """Whether it would open a window, where that can be known: the Secret Service of Linux' desktops says whether it is locked."""
    from keyring.backends import SecretService

    if not isinstance(backend, SecretService.Keyring):
        return False
    import secretstorage

    with closing(secretstorage.dbus_init()) as bus:
        try:
            return secretstorage.Collection(bus).is_locked()
        except secretstorage.ItemNotFoundException:
            return True  # There is no collection yet: making one asks for its password.


def main() -> None:
    """One Ask on standard input, its Outcome on standard output."""
    ask = msgspec.json.decode(sys.stdin.buffer.read(), type=Ask)
    try:
        import keyring  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ModuleNotFoundError:
        outcome = Outcome(problem="no library")
    else:
        outcome = served(ask, _chosen())
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
