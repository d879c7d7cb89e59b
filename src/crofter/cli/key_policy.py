"""What a key may do, as options of a command and in words."""

import re
from collections.abc import Mapping
from typing import Any

import click

from crofter.api import KeyChange, KeyPolicy
from crofter.cli.output import Command, duration

_UNLIMITED = "unlimited"
_NEVER = "never"
_ANY = "any"
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LIMITS = {
    "requests_per_minute": "requests a minute",
    "tokens_per_minute": "tokens a minute",
    "tokens_per_day": "tokens a day",
    "tokens_per_month": "tokens a month",
}
"""Fields of a policy, and what each limits."""


def policy_options(command: Command) -> Command:
    """The options that `given_change` reads."""
    options = [
        click.option(
            "--scope",
            "scopes",
            multiple=True,
            type=click.Choice(["inference", "admin"]),
            help="What it may do: ask models, or everything that `crofter` can. May be given twice.",
        ),
        click.option(
            "--radius",
            type=click.Choice(["local", "trusted", "public"]),
            help="How far its prompts may travel at most.",
        ),
        click.option(
            "--model", "models", multiple=True, metavar="NAME", help=f"A model it may ask, and no other; {_ANY}: all."
        ),
        *(
            click.option(f"--{name.replace('_', '-')}", name, metavar="N", help=f"The most {what}; or {_UNLIMITED}.")
            for name, what in _LIMITS.items()
        ),
        click.option("--expires", metavar="TIME", help=f"When it ends from now, such as 12h or 30d; or {_NEVER}."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def given_change(options: Mapping[str, object], now: float) -> KeyChange:
    """The fields of a policy that were named. Raises click.UsageError."""
    policy: dict[str, Any] = {name: options[name] for name in ("scopes", "radius") if options[name]}
    if models := options["models"]:
        policy["models"] = () if models == (_ANY,) else models
    for name in _LIMITS:
        if (text := options[name]) is not None:
            policy[name] = _count(f"--{name.replace('_', '-')}", str(text))
    if (text := options["expires"]) is not None:
        policy["expires_at"] = _moment(str(text), now)
    return KeyChange(**policy)


def limits(policy: KeyPolicy, now: float) -> list[str]:
    """The limits a policy has, in words."""
    counts = [(getattr(policy, name), what) for name, what in _LIMITS.items()]
    found = [f"{count:,} {what}" for count, what in counts if count is not None]
    if policy.models:
        found.append(f"only {', '.join(policy.models)}")
    if policy.expires_at is not None:
        left_seconds = policy.expires_at - now
        found.append(f"expires in {_span(left_seconds)}" if left_seconds > 0 else "expired")
    return found


def _count(option: str, text: str) -> int | None:
    if text == _UNLIMITED:
        return None
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdigit() and int(digits)):
        raise click.UsageError(f"{option} takes a number from 1 or `{_UNLIMITED}`.")
    return int(digits)


def _moment(text: str, now: float) -> float | None:
    if text == _NEVER:
        return None
    match = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if match is None:
        raise click.UsageError(f"--expires takes a time such as 90m, 12h, 30d or 4w, or `{_NEVER}`.")
    return now + int(match[1]) * _SECONDS[match[2]]


def _span(seconds: float) -> str:
    return duration(seconds) if seconds < 2 * 86_400 else f"{round(seconds / 86_400)} days"
