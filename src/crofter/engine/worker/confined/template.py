"""The program that renders one chat template: Jinja's sandbox inside the limits of `limits.py`.

A template comes with the model file, so it is a stranger's program. Jinja's sandbox keeps it from Python's objects; that it ends
is another matter: no list of forbidden operations covers what one line can ask for (`'%999999999d' % 1`, a loop that doubles a
string, a filter that Jinja computes while compiling). So it has a process of its own, which dies of too much.

Started by `renderer.py`. The first frame is the template's source, each further one a JSON object of variables, answered with the
text. Its one argument is how many seconds each may take.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Never

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.path.append(str(Path(__file__).parent))  # It is started as a file; last, so that nothing here hides another module.
from limits import RefusedError, Work, serve

_MAXIMUM_MEMORY_BYTES = 512 * 1024 * 1024
_MAXIMUM_OUTPUT_CHARACTERS = 16 * 1024 * 1024
_MAXIMUM_REPEAT = 100_000


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
    raise RefusedError(message)


def _strftime_now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)


def _to_json(value: object, indent: int | None = None, ensure_ascii: bool = False, **_ignored: object) -> str:
    # Jinja's own filter escapes < and > for HTML, which a model must not see.
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


def _rendering() -> Iterator[Work]:
    """Compile once, then render for ever."""
    template = jinja2.Template("")

    def compile_source(source: bytes) -> bytes:
        nonlocal template
        environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = _to_json
        helpers = {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        template = environment.from_string(source.decode(), globals=helpers)
        return b""

    def render(variables: bytes) -> bytes:
        pieces: list[str] = []
        size = 0
        for piece in template.generate(**json.loads(variables)):
            pieces.append(piece)
            size += len(piece)
            if size > _MAXIMUM_OUTPUT_CHARACTERS:
                raise SecurityError("it writes too much")
        # A lone surrogate, which a template can write, is no UTF-8 and nothing a tokeniser could read.
        return "".join(pieces).encode(errors="replace")

    yield compile_source
    while True:
        yield render


serve(_rendering(), float(sys.argv[1]), _MAXIMUM_MEMORY_BYTES)
