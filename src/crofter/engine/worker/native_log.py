"""llama.cpp's log: it goes on to standard error, and whoever needs to know what only the log tells hears it."""

# The binding's functions are ctypes objects made by a decorator; their types are only partly known to a checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false

import ctypes
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from llama_cpp import llama_cpp as llama

LogSetter = Callable[[Any, Any], None]
"""`llama_log_set`, or its like in another of the libraries."""
ERROR = 4
"""ggml.h: GGML_LOG_LEVEL_ERROR."""
_MOST_CHARACTERS = 200
_PREAMBLES = ("error loading model architecture: ", "error loading model hyperparameters: ", "error loading model: ")


class Complaints:
    """The errors that were heard, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    @property
    def reason(self) -> str:
        """The first error, without what llama.cpp puts before it; empty if there was none. Parts of it come from the file."""
        if not self.lines:
            return ""
        text = self.lines[0]
        for preamble in _PREAMBLES:
            text = text.rpartition(preamble)[2]
        return "".join(character for character in text if character.isprintable())[:_MOST_CHARACTERS].strip()


@contextmanager
def log_heard(hear: Callable[[int, str], None], set_log: LogSetter = llama.llama_log_set) -> Generator[None]:
    """Call `hear(level, text)` for what llama.cpp says while the block runs. It has one log for the process: not for two at once.

    `set_log` is the function of the library that is listened to.
    """

    def pass_on(level: int, text: bytes, _data: object) -> None:
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()
        hear(level, text.decode("utf-8", "replace"))

    # Kept referenced as long as llama.cpp may call it.
    callback = llama.llama_log_callback(pass_on)
    set_log(callback, ctypes.c_void_p(0))
    try:
        yield
    finally:
        # None: llama.cpp writes to standard error by itself again.
        set_log(llama.llama_log_callback(), ctypes.c_void_p(0))


@contextmanager
def complaints(set_log: LogSetter = llama.llama_log_set) -> Generator[Complaints]:
    """Collect what goes wrong while the block runs."""
    heard = Complaints()

    def hear(level: int, text: str) -> None:
        if level == ERROR:
            heard.lines.append(text.strip())

    with log_heard(hear, set_log):
        yield heard
