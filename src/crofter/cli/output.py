"""What commands print: data to stdout, talk and progress to stderr."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click
import msgspec

Command = TypeVar("Command", bound=Callable[..., object])


def json_option(text: str = "Print JSON.") -> Callable[[Command], Command]:
    """The option `--json`, which a command gets as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def print_json(value: object) -> None:
    """One indented JSON document on stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Aligned columns on stdout; only `empty`, on stderr, when there are no rows."""
    if not rows:
        click.echo(empty, err=True)
        return
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for number, row in enumerate([titles, *rows]):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Aligned `name  value` lines on stdout."""
    print_groups([facts])


def print_groups(groups: Sequence[Sequence[tuple[str, str]]]) -> None:
    """The same for several groups, with an empty line between them."""
    width = max(len(name) for facts in groups for name, _ in facts)
    for number, facts in enumerate(groups):
        if number:
            click.echo()
        for name, value in facts:
            click.echo(f"{name:<{width}}  {value}")


def say(text: str) -> None:
    """Talk: to stderr, so that it never mixes with data."""
    click.echo(text, err=True)


def size(size_bytes: int) -> str:
    """1234567 as `1.2 MB`."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """93.4 as `1m33s`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"


def ago(unix_seconds: float, now: float) -> str:
    """A past moment as `3h ago`, or `just now`."""
    passed = now - unix_seconds
    if passed < 60:
        return "just now"
    if passed < 86_400:
        return f"{duration(passed)} ago"
    return f"{int(passed // 86_400)} days ago"
