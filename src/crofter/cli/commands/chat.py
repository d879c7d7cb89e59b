"""`crofter chat`: a conversation in the terminal, or with a script through a pipe."""

import sys

import click

from crofter.cli.answers import PlainWriter, read
from crofter.cli.chat_input import piped_questions, terminal_questions
from crofter.cli.chat_session import ChatSession
from crofter.cli.client import NodeClient
from crofter.cli.output import say
from crofter.cli.start import ensure_node
from crofter.client import ChatOptions, Stream
from crofter.core import RADII, CrofterError, ErrorCode, Radius
from crofter.node import Home


@click.command("chat")
@click.argument("model", default="")
@click.option("-s", "--system", help="Instructions for the model.")
@click.option(
    "--radius", type=click.Choice(RADII), help="How far your words may travel; otherwise as router.radius says."
)
@click.option(
    "--readers", type=click.Choice(RADII), help="Who may read it on its way; otherwise whoever it may travel to."
)
def chat_command(model: str, system: str | None, radius: Radius | None, readers: Radius | None) -> None:
    """Talk with MODEL, or with the default one. /help inside lists what you can do."""
    with ensure_node() as client:
        chosen = model or client.admin.status().default_model
        session = ChatSession(chosen, system, say)
        if sys.stdin.isatty():
            say(f"{_greeting(client, chosen)} /help, Ctrl-D to leave.")
            questions = terminal_questions(Home.from_environment().chat_history_file, session.command_names)
        else:
            questions = piped_questions()
        for question in questions:
            if not session.run_command(question):
                options = ChatOptions(model=session.model, radius=radius, readers=readers)
                with client.stream(session.messages(question), **options) as stream:
                    _answer(stream, session, question)
            if session.finished:
                break


def _greeting(client: NodeClient, chosen: str) -> str:
    """Who answers; that words stay here is said only of what runs here."""
    installed = [model.name for model in client.admin.models() if not model.provider]
    if chosen in installed:
        return f"{chosen}, on this computer: your words stay here."
    return f"{chosen}." if chosen else "No model yet."


def _answer(stream: Stream, session: ChatSession, question: str) -> None:
    """Show one answer. Ctrl-C ends it and keeps what has arrived; an error is told and the chat goes on."""
    try:
        with PlainWriter() as show:
            answer = read(stream, show)
    except KeyboardInterrupt:
        click.echo()
        say("(stopped)")
        session.remember(question, stream.reply)
        return
    except CrofterError as error:
        # Without its node a chat cannot go on; the command's own exit code says so.
        if error.code is ErrorCode.NODE_NOT_RUNNING or not sys.stdin.isatty():
            raise
        say(f"error: {error.message}")
        return
    click.echo()
    session.remember(question, answer)
    if answer.finish_reason == "length":
        say("(cut off: the token limit or the context is used up)")
