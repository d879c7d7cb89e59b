"""`crofter logs`: the node's log, from the file, so that it works when the node does not."""

import time
from collections import deque
from pathlib import Path

import click
import msgspec

from crofter.cli.output import json_option
from crofter.core import CrofterError, ErrorCode
from crofter.node import Home

POLL_SECONDS = 0.25
_KNOWN = ("time", "level", "logger", "message", "traceback")


@click.command("logs")
@click.option("-f", "--follow", is_flag=True, help="Keep printing what is added.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines.")
@json_option("Print the lines as they are stored.")
def logs_command(follow: bool, lines: int, as_json: bool) -> None:
    """Show the node's log."""
    file = Home.from_environment().log_file
    if not file.exists():
        raise CrofterError(ErrorCode.NOT_FOUND, f"there is no log yet at {file}; it begins with `crofter up`.")
    with file.open(encoding="utf-8", errors="replace") as opened:
        for line in deque(opened, maxlen=lines):
            _print(line, as_json)
        position = opened.tell()
    while follow:
        time.sleep(POLL_SECONDS)
        position = _print_from(file, position, as_json)


def _print_from(file: Path, position: int, as_json: bool) -> int:
    """Print what was added since `position`; a file shorter than that was rotated and is read from its start."""
    with file.open(encoding="utf-8", errors="replace") as opened:
        opened.seek(position if file.stat().st_size >= position else 0)
        while (line := opened.readline()).endswith("\n"):
            _print(line, as_json)
            position = opened.tell()
        return position


def _print(line: str, as_json: bool) -> None:
    if as_json:
        click.echo(line, nl=False)
        return
    try:
        entry = msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        click.echo(line, nl=False)
        return
    fields = "".join(f" {key}={value}" for key, value in entry.items() if key not in _KNOWN)
    click.echo(f"{entry.get('time', '')} {entry.get('level', '')} {entry.get('message', '')}{fields}")
    if "traceback" in entry:
        click.echo(entry["traceback"])
