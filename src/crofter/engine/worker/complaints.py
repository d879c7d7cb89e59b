"""What llama.cpp says when it refuses something: its log goes on to standard error, and its errors are kept for the message."""

# The binding's functions are ctypes objects made by a decorator; their types are only partly known to a checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false

import ctypes
import sys
from collections.abc import Generator
from contextlib import contextmanager

from llama_cpp import llama_cpp as llama

_ERROR = 4
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
def complaints() -> Generator[Complaints]:
    """Listen while the block runs. llama.cpp has one log for the process: not for two at once."""
    heard = Complaints()

    def hear(level: int, text: bytes, _data: object) -> None:
        sys.stderr.buffer.write(text)
        sys.stderr.buffer.flush()
        if level == _ERROR:
            heard.lines.append(text.decode("utf-8", "replace").strip())

    callback = llama.llama_log_callback(hear)
    llama.llama_log_set(callback, ctypes.c_void_p(0))
    try:
        yield heard
    finally:
        # None: llama.cpp writes to standard error by itself again.
        llama.llama_log_set(llama.llama_log_callback(), ctypes.c_void_p(0))
