"""`crofter status`."""

import click

from crofter.cli.client import connect
from crofter.cli.output import duration, json_option, print_facts, print_json, size
from crofter.node import Home


@click.command("status")
@json_option()
def status_command(as_json: bool) -> None:
    """The node at a glance."""
    with connect(Home.from_environment()) as client:
        status = client.admin.status()
    if as_json:
        print_json(status)
        return
    print_facts(
        [
            ("address", status.url),
            ("version", status.version),
            ("process", f"{status.process_id}, up {duration(status.uptime_seconds)}, {size(status.resident_bytes)}"),
            ("home", status.home),
            ("default model", status.default_model or "none"),
            ("models", f"{status.installed_models} installed, {status.loaded_models} loaded"),
            ("requests", f"{status.active_requests} running"),
        ]
    )
