"""The `crofter` command: finds a command's file, and turns errors into one line and an exit code."""

import importlib
import os
import sys

import click

from crofter.core import CrofterError, ErrorCode

EXIT_FAILURE = 1
EXIT_NOT_RUNNING = 3
EXIT_REFUSED = 4

_EXIT_CODES = {
    ErrorCode.NODE_NOT_RUNNING: EXIT_NOT_RUNNING,
    ErrorCode.FORBIDDEN: EXIT_REFUSED,
    ErrorCode.UNAUTHENTICATED: EXIT_REFUSED,
    ErrorCode.OFFLINE: EXIT_REFUSED,
    ErrorCode.MODEL_GATED: EXIT_REFUSED,
    ErrorCode.LICENSE_NOT_ACCEPTED: EXIT_REFUSED,
    ErrorCode.IDENTITY_LOCKED: EXIT_REFUSED,
}

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "Start the node."),
    "down": ("down", "Stop the node."),
    "status": ("status", "The node at a glance."),
    "chat": ("chat", "Talk with a model."),
    "ask": ("ask", "Ask one question."),
    "pull": ("pull", "Install a model from the hub or a file."),
    "import": ("import_", "Use models that Ollama, LM Studio or a folder hold."),
    "quantize": ("quantize", "Make a smaller version of an installed model."),
    "ls": ("models", "List the installed models."),
    "show": ("show", "Everything about one model."),
    "alias": ("decide", "Give a model one more name."),
    "set": ("decide", "Decide what a model is for, its context, and whether it stays loaded."),
    "model": ("model", "Which kinds of models can run over several nodes."),
    "rm": ("models", "Remove a model."),
    "verify": ("verify", "Read a model's files and compare every byte with its hash."),
    "ps": ("workers", "List the loaded models."),
    "stop": ("workers", "Unload a model."),
    "tune": ("tune", "Measure which settings suit this machine and model."),
    "bench": ("bench", "Measure how fast a model answers."),
    "doctor": ("doctor", "Check this machine and say what to do."),
    "config": ("config", "Read and change the settings."),
    "key": ("key", "Manage API keys."),
    "id": ("id", "Who this node is to others: show, back up, move, protect."),
    "pair": ("pair", "Trust another node, as it trusts this one."),
    "invite": ("invite", "Bring another node in by a text."),
    "join": ("invite", "Come in by the invite of another node."),
    "peers": ("peers", "Other nodes: list them, trust one."),
    "pool": ("pool", "Groups of nodes that trust each other."),
    "ping": ("peers", "Ask another node whether it is there."),
    "message": ("messages", "Say something to the owner of another node."),
    "messages": ("messages", "Read what owners of other nodes said."),
    "network": ("network", "Whether other nodes can reach this one."),
    "share": ("share", "What trusted nodes may use of this machine."),
    "swarm": ("swarm", "Try a model over several nodes, on this machine alone."),
    "route": ("route", "Models over several machines: routes that were formed, and plans."),
    "provider": ("provider", "Attach other engines and cloud services."),
    "connect": ("connect", "Let another program use this node."),
    "logs": ("logs", "Show the node's log."),
    "version": ("version", "Print the version."),
}
"""Name to file in `commands/` and the line `--help` shows, so that help imports none of them."""


class LazyGroup(click.Group):
    """A group that imports a command when it runs, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click passes it
        if cmd_name not in COMMANDS:
            return None
        # By string, yet only this room's own files, which the import rules see like any other.
        module = importlib.import_module(f"crofter.cli.commands.{COMMANDS[cmd_name][0]}")  # noqa: TID251
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click passes it
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        from crofter.node import crofter_version

        click.echo(crofter_version())
        context.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.option("--home", metavar="FOLDER", help="The node's folder (also CROFTER_HOME).")
def crofter(home: str | None) -> None:
    """A private AI node on your own machine. Your words stay here.

    Start with `crofter chat`.
    """
    if home is not None:
        os.environ["CROFTER_HOME"] = os.path.abspath(os.path.expanduser(home))


def main() -> None:
    """Run one command and exit: 0 done, 1 failed, 2 misused, 3 no node runs, 4 refused by policy."""
    try:
        # Outside click's standalone mode, `context.exit(code)` comes back as the result.
        code: object = crofter(prog_name="crofter", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped.", err=True)
        sys.exit(130)
    except CrofterError as error:
        click.echo(f"error: {error.message}", err=True)
        sys.exit(_EXIT_CODES.get(error.code, EXIT_FAILURE))
    except BrokenPipeError:
        # The reader of our output went away (`crofter logs | head`): that is its choice, and stdout must not be flushed again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILURE)
