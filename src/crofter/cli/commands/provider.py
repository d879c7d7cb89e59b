"""`crofter provider`: attached engines and cloud services. A key never stands on a command line: others could see it there."""

import os
import sys
import time

import click

from crofter.api import NewProvider, ProviderChange, ProviderSummary
from crofter.cli.client import NodeClient
from crofter.cli.output import ago, json_option, print_facts, print_json, print_table, say
from crofter.cli.start import ensure_node
from crofter.core import RADII, Radius

_SHOWN_MODELS = 200


@click.group("provider")
def provider_command() -> None:
    """Attach other engines and cloud services. Without one, nothing is ever sent anywhere."""


@provider_command.command("add")
@click.argument("name")
@click.option("--kind", default="", help="What kind of server it is, if the name does not say (`provider known`).")
@click.option("--base-url", default="", metavar="URL", help="Where it is, with /v1; known kinds need none.")
@click.option(
    "--radius",
    type=click.Choice(RADII),
    help="trusted: a machine of yours. Otherwise this machine is local, all else public.",
)
@click.option("--key-from-stdin", is_flag=True, help="Read the key from standard input.")
@click.option("--key-env", metavar="VARIABLE", help="Take the key from an environment variable, now.")
@click.option(
    "--model", "models", multiple=True, metavar="MODEL", help="List these models instead of asking which there are."
)
@json_option()
def add(  # noqa: PLR0913 - one for each option
    name: str,
    kind: str,
    base_url: str,
    radius: Radius | None,
    key_from_stdin: bool,
    key_env: str | None,
    models: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a server or service, and ask it which models it has.

    \b
    crofter provider add ollama
    crofter provider add openai                      (asks for the key)
    crofter provider add big --kind vllm --base-url http://192.168.1.5:8000/v1 --radius trusted
    """
    key = _given_key(key_from_stdin, key_env)
    with ensure_node() as client:
        if key is None and _needs_key(client, kind or name, base_url):
            key = _asked_key(name)
        new = NewProvider(name=name, kind=kind, base_url=base_url, radius=radius, key=key or "", models=models)
        added = client.admin.add_provider(new)
    if as_json:
        print_json(added)
        return
    say(f"added {added.name} at {added.base_url}: {added.radius}, {_count(added)}.")
    if added.problem:
        say(f"it could not be asked which models it has: {added.problem}.")
    elif added.models:
        way = "" if added.radius == "local" else f" --radius {added.radius}"
        say(f'try it: crofter ask -m {added.name}/{added.models[0]}{way} "Who are you?"')


@provider_command.command("ls")
@json_option()
def list_providers(as_json: bool) -> None:
    """List the providers, without their keys. Asks none of them."""
    with ensure_node() as client:
        providers = client.admin.providers()
    if as_json:
        print_json(providers)
        return
    rows = [
        (
            each.name,
            each.base_url,
            each.radius,
            "yes" if each.has_key else "no",
            _count(each),
            "on" if each.enabled else "off",
        )
        for each in providers
    ]
    titles = ("NAME", "ADDRESS", "RADIUS", "KEY", "MODELS", "STATE")
    print_table(titles, rows, empty="no providers; `crofter doctor` finds servers on this machine.")


@provider_command.command("known")
@json_option()
def known(as_json: bool) -> None:
    """List what can be added by name alone."""
    with ensure_node() as client:
        kinds = client.admin.known_providers()
    if as_json:
        print_json(kinds)
        return
    rows = [
        (kind.name, kind.title, kind.base_url or "say with --base-url", kind.keys_at or "none needed") for kind in kinds
    ]
    print_table(("NAME", "WHAT", "ADDRESS", "KEY FROM"), rows, empty="none")


@provider_command.command("show")
@click.argument("name")
@json_option()
def show(name: str, as_json: bool) -> None:
    """What is kept of one provider."""
    with ensure_node() as client:
        _print(client.admin.provider(name), as_json)


@provider_command.command("models")
@click.argument("name")
@json_option()
def list_models(name: str, as_json: bool) -> None:
    """Ask a provider which models it has, and list them from now on."""
    with ensure_node() as client:
        found = client.admin.list_provider_models(name)
    if as_json:
        print_json(found)
        return
    for model in found.models[:_SHOWN_MODELS]:
        click.echo(f"{found.name}/{model}")
    if len(found.models) > _SHOWN_MODELS:
        say(f"and {len(found.models) - _SHOWN_MODELS} more (--json lists all).")


@provider_command.command("test")
@click.argument("name")
@click.option("--model", default="", help="Which model to ask; otherwise the first it lists.")
@json_option()
def try_out(name: str, model: str, as_json: bool) -> None:
    """Send a request of two words, and say how long the answer took. A service may charge for it."""
    with ensure_node() as client:
        trial = client.admin.try_provider(name, model)
    if as_json:
        print_json(trial)
        return
    say(f"{trial.model} answers: first after {trial.first_token_seconds:.2f} s, all in {trial.total_seconds:.2f} s.")


@provider_command.command("set")
@click.argument("name")
@click.option("--radius", type=click.Choice(RADII), help="How far a prompt to it travels.")
@click.option("--key", "asks", is_flag=True, help="Give it another key (asks for it).")
@click.option("--key-from-stdin", is_flag=True, help="The same, from standard input.")
@click.option("--key-env", metavar="VARIABLE", help="The same, from an environment variable.")
@json_option()
def change(
    name: str, radius: Radius | None, asks: bool, key_from_stdin: bool, key_env: str | None, as_json: bool
) -> None:
    """Change a provider's key or radius."""
    key = _given_key(key_from_stdin, key_env)
    if asks and key is None:
        key = _asked_key(name)
    if radius is None and key is None:
        raise click.UsageError("say what to set: --radius or --key.")
    _print(_change(name, ProviderChange(radius=radius, key=key)), as_json)


@provider_command.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Use a provider again."""
    _change(name, ProviderChange(enabled=True))
    say(f"{name} is used again.")


@provider_command.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Keep a provider and its key, and send it nothing."""
    _change(name, ProviderChange(enabled=False))
    say(f"{name} is sent nothing any more.")


@provider_command.command("rm")
@click.argument("name")
def remove(name: str) -> None:
    """Forget a provider and its key."""
    with ensure_node() as client:
        client.admin.remove_provider(name)
    say(f"removed {name} and its key.")


def _change(name: str, change: ProviderChange) -> ProviderSummary:
    with ensure_node() as client:
        return client.admin.change_provider(name, change)


def _count(provider: ProviderSummary) -> str:
    return f"{len(provider.models)} model{'' if len(provider.models) == 1 else 's'}"


def _print(provider: ProviderSummary, as_json: bool) -> None:
    if as_json:
        print_json(provider)
        return
    asked = ago(provider.listed_at, time.time()) if provider.listed_at else "never"
    print_facts(
        [
            ("name", provider.name),
            ("kind", provider.kind),
            ("address", provider.base_url),
            ("radius", provider.radius),
            ("key", "kept" if provider.has_key else "none"),
            ("state", "on" if provider.enabled else "off"),
            ("models", f"{_count(provider)}, asked {asked}"),
            *((alias, f"{provider.name}/{model}") for alias, model in provider.aliases.items()),
        ]
    )


def _needs_key(client: NodeClient, kind_name: str, base_url: str) -> bool:
    kinds = client.admin.known_providers()
    return not base_url and any(kind.name == kind_name.lower() and kind.keys_at for kind in kinds)


def _given_key(from_stdin: bool, variable: str | None) -> str | None:
    if from_stdin and variable:
        raise click.UsageError("--key-from-stdin and --key-env exclude each other.")
    if variable:
        if not os.environ.get(variable):
            raise click.UsageError(f"the environment variable {variable} is not set.")
        return os.environ[variable]
    return sys.stdin.readline().strip() if from_stdin else None


def _asked_key(name: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"{name} needs a key: --key-from-stdin or --key-env VARIABLE.")
    key: str = click.prompt(f"Key of {name}", hide_input=True, err=True)
    return key
