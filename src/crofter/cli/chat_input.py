"""Where a chat's questions come from: an editable line with history on a terminal, plain lines from a pipe."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FENCE = '"""'


def terminal_questions(history_file: Path, commands: Sequence[str]) -> Iterator[str]:
    """Questions typed on a terminal, until Ctrl-D. Ctrl-C empties the line. The history is for its owner only."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.formatted_text import FormattedText
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    os.close(os.open(history_file, os.O_CREAT | os.O_WRONLY, 0o600))
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:  # pyright: ignore[reportUnusedFunction]  # registered by the decorator
        event.current_buffer.insert_text("\n")

    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(history_file)),
        completer=WordCompleter(list(commands), sentence=True),
        complete_while_typing=False,
        key_bindings=bindings,
        multiline=False,
    )
    prompt = FormattedText([("bold", "> ")])

    def lines() -> Iterator[str]:
        while True:
            try:
                yield session.prompt(prompt)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return

    return fenced(lines())


def piped_questions() -> Iterator[str]:
    """Questions from standard input, a line each."""
    return fenced(line.rstrip("\n") for line in sys.stdin)


def fenced(lines: Iterator[str]) -> Iterator[str]:
    """The questions in `lines`: each non-empty line is one, and so is everything between two lines that begin or end with \"\"\"."""
    for line in lines:
        if not line.strip().startswith(FENCE):
            if line.strip():
                yield line.strip()
            continue
        text = line.strip().removeprefix(FENCE)
        while not text.endswith(FENCE) and (following := next(lines, None)) is not None:
            text = f"{text}\n{following.rstrip()}"
        if question := text.removesuffix(FENCE).strip():
            yield question
