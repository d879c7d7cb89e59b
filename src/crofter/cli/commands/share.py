"""`crofter share`: what nodes that you trust may use of this machine."""

from typing import get_args

import click

from crofter.api import ShareStatus
from crofter.cli.output import json_option, print_json, print_table, size
from crofter.cli.start import ensure_node
from crofter.cluster import Preset

_PRESETS: tuple[Preset, ...] = get_args(Preset)


@click.command("share")
@click.argument("preset", type=click.Choice(_PRESETS), required=False)
@click.option(
    "--memory", "memory_bytes", type=int, metavar="BYTES", help="For layers of models; -1: as the preset says."
)
@click.option(
    "--disk", "disk_bytes", type=int, metavar="BYTES", help="For layers that are fetched; -1: as the preset says."
)
@click.option(
    "--upload", "upload_bytes_per_second", type=int, metavar="BYTES/S", help="0: no limit; -1: as the preset says."
)
@click.option("--download", "download_bytes_per_second", type=int, metavar="BYTES/S", help="The same for fetching.")
@click.option("--hours", metavar="HH:MM-HH:MM", help="When; empty: always.")
@click.option("--on-battery/--not-on-battery", default=None, help="Also on battery.")
@click.option("--answers/--no-answers", default=None, help="Answer whole prompts with models that are here.")
@json_option()
def share_command(preset: str | None, as_json: bool, **limits: str | int | bool | None) -> None:
    """What nodes that you trust may use of this machine: `off`, `light`, `half` or `most` of it, or limits of your own.

    Without arguments: shows what is shared and used now. Your own requests always come first.
    """
    wanted = {"preset": preset, **limits}
    with ensure_node() as client:
        for name, value in wanted.items():
            if value is not None:
                client.admin.change_setting(
                    f"share.{name}", str(value).lower() if isinstance(value, bool) else str(value)
                )
        status = client.admin.sharing()
    if as_json:
        print_json(status)
        return
    print_table(("SHARED", "LIMIT", "USED"), _rows(status), empty="")


def _rows(status: ShareStatus) -> list[tuple[str, str, str]]:
    def rate(bytes_per_second: int) -> str:
        return f"{size(bytes_per_second)}/s" if bytes_per_second else "no limit"

    state = f"{status.preset}" + (f", but not now: {status.closed_because}" if status.closed_because else "")
    return [
        ("preset", state, f"{status.sessions} sessions"),
        ("memory", size(status.memory_bytes), size(status.used_memory_bytes)),
        ("disk", size(status.disk_bytes), size(status.used_disk_bytes)),
        ("upload", rate(status.upload_bytes_per_second), ""),
        ("download", rate(status.download_bytes_per_second), ""),
        ("hours", status.hours or "always", ""),
        ("on battery", "yes" if status.on_battery else "no", ""),
        ("whole answers", "yes" if status.answers else "no", ""),
    ]
