"""Where a command gets the identity's passphrase: standard input, the environment or the keyboard, never the command line."""

import sys

import click

from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, given_passphrase, identity_has_passphrase

_WAYS = "--passphrase-from-stdin, CROFTER_IDENTITY_PASSPHRASE or CROFTER_IDENTITY_PASSPHRASE_FILE"


class Passphrases:
    """Asks once for each. From standard input, one stands on each line, in the order they are needed."""

    def __init__(self, from_stdin: bool = False) -> None:
        self._from_stdin = from_stdin

    def current(self, of: str) -> str:
        """The one that something has. Raises IDENTITY_LOCKED where nobody can be asked."""
        given = _line() if self._from_stdin else given_passphrase()
        if given:
            return given
        if self._from_stdin or not sys.stdin.isatty():
            raise CrofterError(ErrorCode.IDENTITY_LOCKED, f"{of} has a passphrase: give it with {_WAYS}.")
        answer: str = click.prompt(f"Passphrase of {of}", hide_input=True, err=True)
        return answer

    def fresh(self, of: str) -> str:
        """A new one; typed twice. Never from the environment, which has the node's own."""
        if self._from_stdin:
            given = _line()
        elif sys.stdin.isatty():
            given = str(click.prompt(f"New passphrase of {of}", hide_input=True, confirmation_prompt=True, err=True))
        else:
            given = ""
        if not given:
            raise click.UsageError(f"{of} needs a passphrase: type it at a terminal, or --passphrase-from-stdin.")
        return given

    def to_start(self, home: Home) -> str | None:
        """What a node on `home` needs to start: None if its identity has no passphrase."""
        if not identity_has_passphrase(home.identity_file):
            return None
        return self.current(str(home.identity_file))


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")
