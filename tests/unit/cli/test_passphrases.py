import io
import sys
from pathlib import Path

import click
import pytest

from crofter.cli.passphrases import Passphrases
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home


def test_standard_input_gives_one_on_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("old one\r\n new \n\n"))
    monkeypatch.setenv("CROFTER_IDENTITY_PASSPHRASE", "from the environment")
    given = Passphrases(from_stdin=True)
    assert given.current("x") == "old one"
    assert given.fresh("x") == " new "
    with pytest.raises(click.UsageError):
        given.fresh("x")
    with pytest.raises(CrofterError):
        given.current("x")


def test_the_environment_opens_what_is_there_and_seals_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed\n"))
    monkeypatch.setenv("CROFTER_IDENTITY_PASSPHRASE", "from the environment")
    assert Passphrases().current("x") == "from the environment"
    with pytest.raises(click.UsageError, match="--passphrase-from-stdin"):
        Passphrases().fresh("x")


def test_where_nobody_can_be_asked_the_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(CrofterError, match="CROFTER_IDENTITY_PASSPHRASE_FILE") as refused:
        Passphrases().current("identity.key")
    assert refused.value.code is ErrorCode.IDENTITY_LOCKED


def test_a_start_without_an_identity_asks_nothing(tmp_path: Path) -> None:
    assert Passphrases().to_start(Home(tmp_path)) is None
