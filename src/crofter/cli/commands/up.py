"""`crofter up`: the node in the foreground, or in the background with -d."""

import os

import click

from crofter.cli.output import say
from crofter.cli.passphrases import Passphrases
from crofter.cli.start import start_detached
from crofter.node import Home, run_node


@click.command("up")
@click.option("--host", help="Address to bind; other than loopback demands an API key.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to bind; 0 picks a free one.")
@click.option("-d", "--detach", is_flag=True, help="Run in the background.")
@click.option("--home", help="The node's folder (also CROFTER_HOME).")
@click.option("--passphrase-from-stdin", is_flag=True, help="Read the identity's passphrase from standard input.")
@click.option("--background", is_flag=True, hidden=True)
@click.pass_context
def up_command(  # noqa: PLR0913 - one for each option
    context: click.Context,
    host: str | None,
    port: int | None,
    detach: bool,
    home: str | None,
    passphrase_from_stdin: bool,
    background: bool,
) -> None:
    """Start the node and serve until it is stopped with Ctrl-C or `crofter down`."""
    if home is not None:
        os.environ["CROFTER_HOME"] = os.path.abspath(os.path.expanduser(home))
    place = Home.from_environment()
    if (running := place.running()) is not None:
        say(f"already running at {running.url} (process {running.pid}).")
        context.exit(0 if detach else 1)
    passphrase = Passphrases(passphrase_from_stdin).to_start(place)
    if detach:
        options = [*(["--host", host] if host else []), *(["--port", str(port)] if port is not None else [])]
        node = start_detached(place, options, passphrase)
        say(f"running at {node.url} (process {node.pid}); stop it with `crofter down`.")
        return
    flags: dict[str, object] = {"api.host": host, "api.port": port}
    announce = None if background else _announce
    run_node(place, {key: value for key, value in flags.items() if value is not None}, announce, passphrase)


def _announce(url: str, default_model: str) -> None:
    say(f"Crofter is running at {url}")
    say(f"  model     {default_model or 'none yet: crofter pull FILE.gguf'}")
    say(f"  OpenAI    base_url {url}/v1")
    say("  talk      crofter chat")
    say("Stop it with Ctrl-C.")
