"""`crofter key`: API keys for programs and other machines, what they may do and what they did; and where the store's own key lies."""

import time

import click

from crofter.api import KeyChange, KeyPolicy, KeySummary, KeyUsage
from crofter.cli.key_policy import given_change, limits, policy_options
from crofter.cli.output import ago, json_option, print_facts, print_json, print_table, say
from crofter.cli.start import ensure_node
from crofter.node import Home, move_store_key, store_key_place


@click.group("key")
def key_command() -> None:
    """Manage API keys. Once one exists, every request needs one."""


@key_command.command("create")
@click.argument("name")
@policy_options
@json_option()
def create(name: str, as_json: bool, **options: object) -> None:
    """Create a key and print its secret, this once. Unless told otherwise it may ask all models, on this machine only."""
    with ensure_node() as client:
        created = client.admin.create_key(name, given_change(options, time.time()).applied(KeyPolicy()))
    if as_json:
        print_json(created)
        return
    click.echo(created.secret)
    say("Keep it now: the node has only a hash. From now on requests need `Authorization: Bearer …`.")


@key_command.command("set")
@click.argument("name")
@policy_options
@json_option()
def set_(name: str, as_json: bool, **options: object) -> None:
    """Change what a key may do, from its next request on. What is not named stays."""
    change = given_change(options, time.time())
    if change == KeyChange():
        raise click.UsageError("say what to set; `crofter key set --help` lists what there is.")
    with ensure_node() as client:
        key = client.admin.change_key(name, change)
    if as_json:
        print_json(key)
    else:
        _show(key)


@key_command.command("show")
@click.argument("name")
@json_option()
def show(name: str, as_json: bool) -> None:
    """What one key may do, and what it did."""
    with ensure_node() as client:
        key = client.admin.key(name)
    if as_json:
        print_json(key)
    else:
        _show(key)


@key_command.command("ls")
@json_option()
def list_keys(as_json: bool) -> None:
    """List the keys, without their secrets."""
    with ensure_node() as client:
        keys = client.admin.keys()
    if as_json:
        print_json(keys)
        return
    now = time.time()
    rows = [
        (
            key.name,
            f"{key.prefix}…",
            ", ".join(key.policy.scopes),
            key.policy.radius,
            "; ".join(limits(key.policy, now)) or "none",
            f"{key.today.requests:,}",
            f"{key.today.prompt_tokens + key.today.completion_tokens:,}",
            f"{key.this_month.prompt_tokens + key.this_month.completion_tokens:,}",
            ago(key.last_used_at, now) if key.last_used_at else "never",
        )
        for key in keys
    ]
    titles = ("NAME", "BEGINS", "MAY", "RADIUS", "LIMITS", "REQUESTS TODAY", "TOKENS TODAY", "THIS MONTH", "USED")
    print_table(titles, rows, empty="no keys; programs on this machine need none.")


@key_command.command("usage")
@click.argument("name", required=False)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 400), help="How far back, in UTC's days.")
@json_option()
def usage(name: str | None, days: int, as_json: bool) -> None:
    """What was asked with a key, or with each, day by day."""
    with ensure_node() as client:
        found = client.admin.key_usage(name, days)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            day.day,
            day.name,
            f"{day.requests:,}",
            f"{day.errors:,}",
            f"{day.prompt_tokens:,}",
            f"{day.cached_tokens:,}",
            f"{day.completion_tokens:,}",
        )
        for day in found
    ]
    titles = ("DAY", "KEY", "REQUESTS", "ERRORS", "PROMPT TOKENS", "OF THEM CACHED", "WRITTEN")
    print_table(titles, rows, empty=f"nothing was asked with {name or 'a key'} in {days} days.")


@key_command.command("revoke")
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke a key; it stops working at once, and its usage is forgotten."""
    with ensure_node() as client:
        client.admin.revoke_key(name)
    say(f"revoked {name}.")


@key_command.command("store")
@click.option(
    "--keyring/--file",
    "to_keyring",
    default=None,
    help="Put it into the OS keyring, or back into store.key. The node must not run.",
)
@json_option()
def store(to_keyring: bool | None, as_json: bool) -> None:
    """Say where the key lies that the node's records are encrypted with, or move it."""
    home = Home.from_environment()
    if to_keyring is not None:
        move_store_key(home, "keyring" if to_keyring else "file")
    place = store_key_place(home)
    if as_json:
        print_json({"place": place})
    elif place == "keyring":
        click.echo("the key of the store is in the OS keyring. A copy of the home alone cannot be read.")
    else:
        click.echo(f"the key of the store is in {home.store_key_file}.")


def _show(key: KeySummary) -> None:
    now, policy = time.time(), key.policy
    print_facts(
        [
            ("name", key.name),
            ("begins", f"{key.prefix}…"),
            ("may", ", ".join(policy.scopes)),
            ("radius", policy.radius),
            ("models", ", ".join(policy.models) or "any"),
            ("limits", "; ".join(limits(policy, now)) or "none"),
            *((when, _used(usage)) for when, usage in (("today", key.today), ("this month", key.this_month))),
            ("created", ago(key.created_at, now)),
            ("used", ago(key.last_used_at, now) if key.last_used_at else "never"),
        ]
    )


def _used(usage: KeyUsage) -> str:
    tokens = (
        f"{usage.prompt_tokens:,} tokens read ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} written"
    )
    return f"{usage.requests:,} requests, {usage.errors:,} errors; {tokens}"
