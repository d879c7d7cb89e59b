"""Keyrings as the library `keyring` has them, for tests: backends of its own kind."""

import threading

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from crofter.store.keyring_child import served
from crofter.store.os_keyring import Ask


class MemoryBackend(KeyringBackend):
    """Keeps secrets as long as it lives."""

    priority = 9  # pyright: ignore[reportAssignmentType] - a property there

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._require_unlocked()
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._require_unlocked()
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._require_unlocked()
        if self.secrets.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")

    def _require_unlocked(self) -> None:
        if self.locked:
            raise KeyringLocked("nobody is here")


class WaitingBackend(MemoryBackend):
    """Waits for somebody who never comes."""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait()
        return None


class MemoryKeyring:
    """`store.Keyring` over a backend in this process: the child's own code, without the child."""

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def get(self, name: str) -> str | None:
        return self._asked(Ask(action="get", name=name))

    def set(self, name: str, secret: str) -> None:
        self._asked(Ask(action="set", name=name, secret=secret))

    def delete(self, name: str) -> None:
        self._asked(Ask(action="delete", name=name))

    def _asked(self, ask: Ask) -> str | None:
        outcome = served(ask, self._backend)
        if outcome.problem:
            raise outcome.error()
        return outcome.secret
