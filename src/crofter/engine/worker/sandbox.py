"""The process that renders one chat template: Jinja's sandbox inside limits that the operating system and a watchdog enforce.

A template comes with the model file, so it is a stranger's program. Jinja's sandbox keeps it from Python's objects; that it ends
is another matter: no list of forbidden operations covers what one line can ask for (`'%999999999d' % 1`, a loop that doubles a
string, a filter that Jinja computes while compiling). So it has a process of its own, which dies of too much.

Started as a file by `renderer.py`, without the package: what is not imported costs no memory. Standard input and output carry
frames of four bytes of length (big-endian) and that many of UTF-8: in, the template's source, then one JSON object of variables
for each rendering; out, a letter and a text. Its one argument is how many seconds each may take.
"""

import faulthandler
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import BinaryIO, Never

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

_MAXIMUM_MEMORY_BYTES = 512 * 1024 * 1024
"""Beyond what Python and Jinja have mapped."""
_SHOWN_CHARACTERS = 500
"""Of what a template says when it fails."""
_MAXIMUM_OUTPUT_CHARACTERS = 16 * 1024 * 1024
_MAXIMUM_REPEAT = 100_000

DONE, REFUSED, FAILED = "d", "r", "f"


class _RefusedError(Exception):
    """The template itself called `raise_exception`."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: jinja2.runtime.Context, operator: str, left: object, right: object) -> object:
        """Refuse products that would fill the memory: not every operating system holds a process to a limit."""
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            factor = right if isinstance(right, int) else left
            if not isinstance(factor, int) or abs(factor) > _MAXIMUM_REPEAT:
                raise SecurityError(f"{operator} with such operands is not allowed in a chat template")
        return super().call_binop(context, operator, left, right)


def _raise_exception(message: str) -> Never:
    raise _RefusedError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)


def _to_json(value: object, indent: int | None = None, ensure_ascii: bool = False, **_ignored: object) -> str:
    # Jinja's own filter escapes < and > for HTML, which a model must not see.
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


def _limit_memory() -> None:
    if sys.platform != "linux":
        return  # macOS has the call and does not heed it, Windows has none.
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        mapped_bytes = int(file.read().split()[0]) * resource.getpagesize()
    limit_bytes = mapped_bytes + _MAXIMUM_MEMORY_BYTES
    _, hard_bytes = resource.getrlimit(resource.RLIMIT_AS)
    if hard_bytes != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _read(stream: BinaryIO) -> str | None:
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")).decode() if len(head) == 4 else None


def _write(stream: BinaryIO, letter: str, text: str) -> None:
    # A lone surrogate, which a template can write, is no UTF-8 and nothing a tokeniser could read.
    payload = (letter + text).encode(errors="replace")
    stream.write(len(payload).to_bytes(4, "big") + payload)
    stream.flush()


def _attempt(work: Callable[[], str], limit_seconds: float) -> tuple[str, str]:
    """The letter and the text that tell how `work` went; too long, and the process is gone."""
    # The watchdog is a thread that needs no interpreter: it ends the process even in the middle of one long operation.
    faulthandler.dump_traceback_later(limit_seconds, exit=True)
    try:
        return DONE, work()
    except _RefusedError as refusal:
        return REFUSED, str(refusal)[:_SHOWN_CHARACTERS]
    except MemoryError:
        return FAILED, "it takes too much memory"
    except Exception as error:  # noqa: BLE001 - a template is foreign code: whatever it raises is its failure
        return FAILED, str(error)[:_SHOWN_CHARACTERS] or type(error).__name__
    finally:
        faulthandler.cancel_dump_traceback_later()


class _Rendering:
    """The template, once it is compiled."""

    def __init__(self) -> None:
        self._template = jinja2.Template("")

    def compile(self, source: str) -> str:
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        helpers = {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self._template = environment.from_string(source, globals=helpers)
        return ""

    def render(self, variables: str) -> str:
        pieces: list[str] = []
        size = 0
        for piece in self._template.generate(**json.loads(variables)):
            pieces.append(piece)
            size += len(piece)
            if size > _MAXIMUM_OUTPUT_CHARACTERS:
                raise SecurityError("it writes too much")
        return "".join(pieces)


def main() -> None:
    """Compile the first frame, render with each further one, until standard input closes."""
    limit_seconds = float(sys.argv[1])
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # Whatever prints must not end up between the frames.
    _limit_memory()
    rendering = _Rendering()
    work = rendering.compile
    while (given := _read(sys.stdin.buffer)) is not None:
        _write(output, *_attempt(partial(work, given), limit_seconds))
        work = rendering.render


main()
