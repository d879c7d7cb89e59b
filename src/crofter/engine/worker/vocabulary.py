"""Text to token ids and back, for one model."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (the binding's ctypes functions are only partly typed, and some annotations name arrays where every pointer will do)

import ctypes

import numpy as np
from llama_cpp import llama_cpp as llama

from crofter.core import CrofterError, ErrorCode

from .library import Model, NativeHandle

NO_TOKEN = -1
_BRACKETS = ((b"<", b">"), (b"[", b"]"))
"""What stands around user-defined tokens that are marks; others are indents, emoji and the like."""
_CONTROL = int(llama.LLAMA_TOKEN_ATTR_CONTROL)
_USER_DEFINED = int(llama.LLAMA_TOKEN_ATTR_USER_DEFINED)


class Vocabulary:
    """Thread-safe for tokenising; pieces are cached by token id."""

    def __init__(self, model: Model) -> None:
        self.handle: NativeHandle = model.vocabulary
        self.size = model.vocabulary_size
        self._pieces: dict[int, bytes] = {}
        self.adds_beginning_of_sequence = bool(llama.llama_vocab_get_add_bos(self.handle))
        self.beginning_of_sequence = int(llama.llama_vocab_bos(self.handle))
        self.end_of_sequence = int(llama.llama_vocab_eos(self.handle))
        self.adds_end_of_sequence = bool(llama.llama_vocab_get_add_eos(self.handle))
        self.adds_separator = bool(llama.llama_vocab_get_add_sep(self.handle))
        self.separator = int(llama.llama_vocab_sep(self.handle))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of a text. `add_special` adds what the model wants at the ends; `parse_special` recognises control tokens."""
        data = text.encode("utf-8", "replace")
        # A token covers at least one byte; a few more may be added at the ends.
        tokens = np.empty(len(data) + 8, np.int32)
        pointer = tokens.ctypes.data_as(ctypes.POINTER(llama.llama_token))
        count = llama.llama_tokenize(self.handle, data, len(data), pointer, tokens.size, add_special, parse_special)
        if count < 0:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "the text could not be tokenised")
        return tokens[:count].tolist()

    @property
    def end_of_text(self) -> int:
        """What stands behind a whole text: the end of the sequence, or what models without one have for it."""
        return self.separator if self.end_of_sequence == NO_TOKEN else self.end_of_sequence

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; control tokens stand for nothing."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token, special=False)
        return piece

    def marker(self, token: int) -> str:
        """How a token is written in a template, control tokens included."""
        return "" if token == NO_TOKEN else self.written_token(token).decode("utf-8", "replace")

    def written_token(self, token: int) -> bytes:
        """The bytes a token is written with, control tokens included."""
        return self._read_piece(token, special=True)

    def show_markers(self, markers: tuple[str, ...]) -> None:
        """Let these control tokens appear in `piece`, because the text pipeline looks for them."""
        for marker in markers:
            tokens = self.tokenize(marker, add_special=False, parse_special=True)
            if len(tokens) == 1:
                self._pieces[tokens[0]] = marker.encode()

    def text(self, tokens: list[int]) -> str:
        """The text of several tokens."""
        return b"".join(map(self.piece, tokens)).decode("utf-8", "replace")

    def ends_generation(self, token: int) -> bool:
        """Whether the model says by this token that it has finished."""
        return bool(llama.llama_vocab_is_eog(self.handle, token))

    def mark(self, text: str) -> int | None:
        """The token that this text is, if it is a mark of the model's: one that text cannot make."""
        tokens = self.tokenize(text, add_special=False, parse_special=True)
        return tokens[0] if len(tokens) == 1 and self._is_mark(tokens[0], text.encode()) else None

    def _is_mark(self, token: int, piece: bytes) -> bool:
        kind = int(llama.llama_vocab_get_attr(self.handle, token))
        return bool(kind & _CONTROL or (kind & _USER_DEFINED and (piece[:1], piece[-1:]) in _BRACKETS))

    def written(self) -> tuple[list[bytes], list[int]]:
        """How each token is written, and the ids of those that are marks rather than text."""
        pieces = [self.written_token(token) for token in range(self.size)]
        return pieces, [token for token, piece in enumerate(pieces) if self._is_mark(token, piece)]

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = llama.llama_token_to_piece(self.handle, token, buffer, size, 0, special)
            if length >= 0:
                return buffer.raw[:length]
            size = -length
