"""`crofter config`: read and change the settings, through the node when one runs, else in the file."""

import click

from crofter.api import Setting
from crofter.cli.client import NodeClient
from crofter.cli.output import json_option, print_json, say
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home, change_stored_setting, stored_settings


@click.group("config")
def config_command() -> None:
    """Read and change the settings."""


@config_command.command("path")
def path() -> None:
    """Print where the settings file lies."""
    click.echo(Home.from_environment().config_file)


@config_command.command("ls")
@json_option()
def list_settings(as_json: bool) -> None:
    """List every setting, its value and what it does."""
    settings = _settings()
    if as_json:
        print_json(settings)
        return
    for setting in settings:
        origin = "" if setting.source == "default" else f"  (from the {setting.source})"
        click.echo(f"{setting.key} = {_text(setting)}{origin}")
        click.echo(f"    {setting.description}")


@config_command.command("get")
@click.argument("key")
@json_option()
def get(key: str, as_json: bool) -> None:
    """Print one setting."""
    found = next((setting for setting in _settings() if setting.key == key), None)
    if found is None:
        raise CrofterError(ErrorCode.NOT_FOUND, f"there is no setting {key}; `crofter config ls` lists them.")
    if as_json:
        print_json(found)
    else:
        click.echo(_text(found))


@config_command.command("set")
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Change one setting and keep it in the file."""
    home = Home.from_environment()
    node = home.running()
    if node is None:
        setting = change_stored_setting(home, key, value)
    else:
        with NodeClient(node) as client:
            setting = client.admin.change_setting(key, value)
    say(f"{setting.key} = {_text(setting)}")
    if setting.source in ("environment", "flag"):
        say(f"kept in the file; for now the {setting.source} decides.")
    elif node is not None and setting.restart_needed:
        say("It takes effect when the node starts again: crofter down, crofter up -d.")


def _settings() -> list[Setting]:
    home = Home.from_environment()
    node = home.running()
    if node is None:
        return stored_settings(home)
    with NodeClient(node) as client:
        return client.admin.settings()


def _text(setting: Setting) -> str:
    match setting.value:
        case None:
            return ""
        case bool(value):
            return "true" if value else "false"
        case value:
            return str(value)
