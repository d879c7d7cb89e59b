"""What an answer's form allows as its next token: GBNF by llama.cpp, whose language it is, and JSON Schema by llguidance.

A constraint is compiled once for a request, where no answer waits for it, and started afresh for each choice.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# (llama.cpp's binding is only partly typed, and some annotations name arrays where every pointer will do)

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from llama_cpp import llama_cpp as llama

from crofter.core import CrofterError, ErrorCode, Grammar, JsonSchema

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

    from .library import NativeHandle
    from .vocabulary import Vocabulary

TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""llama_token_data of llama.h."""
_ANY_OBJECT = {"type": "object"}
WHITESPACE = r"( |\n{1,2}[ \t]{0,20})?"
"""As llama.cpp's own converter has it: indenting is allowed, endless blanks, into which small models fall, are not."""


class Constraint(Protocol):
    """The state of one answer within its form."""

    def allows(self, token: int) -> bool:
        """Whether this may be the next token."""
        ...

    def restrict(self, candidates: npt.NDArray[np.void]) -> None:
        """Set the logit of every candidate (`TOKEN_DATA`, in the order of token ids) that may not be next to -inf."""
        ...

    def accept(self, token: int) -> None:
        """Go on to the state after this token. Raises CrofterError(INVALID_REQUEST) if the form became too complex to follow."""
        ...

    def close(self) -> None:
        """Free native memory. Idempotent."""
        ...


class Compiler:
    """Makes constraints for one model. Used by one thread at a time."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._tokenizer: LLTokenizer | None = None

    def compile(self, form: Grammar | JsonSchema) -> Callable[[], Constraint]:
        """What starts a constraint. Raises CrofterError(INVALID_REQUEST) for a form that is wrong or cannot be followed."""
        if isinstance(form, JsonSchema):
            return self._guided(lambda library: _schema_grammar(library, form.schema or _ANY_OBJECT))
        handle, gbnf = self._vocabulary.handle, form.gbnf
        _GrammarConstraint(handle, gbnf).close()
        return lambda: _GrammarConstraint(handle, gbnf)

    def compile_lark(self, grammar: str) -> Callable[[], Constraint]:
        """The same for a grammar of the node's own, in llguidance's dialect of Lark."""
        return self._guided(lambda library: library.grammar_from_lark(grammar))

    def token_of(self, mark: str) -> int | None:
        """The token that this mark is, if it is one that text cannot make."""
        return self._vocabulary.mark(mark)

    def _guided(self, grammar: Callable[[type[LLMatcher]], str]) -> Callable[[], Constraint]:
        matcher = self._matcher(grammar)
        return lambda: _SchemaConstraint(matcher.deep_copy())

    def _matcher(self, grammar: Callable[[type[LLMatcher]], str]) -> LLMatcher:
        # Imported by the first who asks for JSON: it takes memory that most workers never need.
        from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

        if self._tokenizer is None:
            ends = [token for token in range(self._vocabulary.size) if self._vocabulary.ends_generation(token)]
            self._tokenizer = LLTokenizer(TokenizerWrapper(_Tokenizer(self._vocabulary)), eos_token=ends)
        try:
            compiled = grammar(LLMatcher)
        except ValueError as error:
            raise _unsupported(str(error)) from error
        matcher = LLMatcher(self._tokenizer, compiled, log_level=0)
        if matcher.is_error():
            raise _unsupported(matcher.get_error())
        return matcher


def _schema_grammar(library: type[LLMatcher], schema: dict[str, object]) -> str:
    return library.grammar_from_json_schema(json.dumps(schema), overrides={"whitespace_pattern": WHITESPACE})


class _Tokenizer:
    """A vocabulary as llguidance's `TokenizerWrapper` wants it."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.eos_token_id = max(vocabulary.end_of_sequence, 0)
        self.tokens, self.special_token_ids = vocabulary.written()
        self._vocabulary = vocabulary

    def __call__(self, text: bytes) -> list[int]:
        return self._vocabulary.tokenize(text.decode("utf-8", "replace"), add_special=False, parse_special=False)


class _GrammarConstraint:
    def __init__(self, vocabulary: NativeHandle, gbnf: str) -> None:
        self._handle: NativeHandle = llama.llama_sampler_init_grammar(vocabulary, gbnf.encode(), b"root")
        if not self._handle:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "the grammar is not valid GBNF", parameter="grammar")

    def allows(self, token: int) -> bool:
        # Asking about one token is far cheaper than asking about the whole vocabulary.
        candidate = np.zeros(1, TOKEN_DATA)
        candidate["id"] = token
        candidate["logit"] = 1.0
        self.restrict(candidate)
        return bool(np.isfinite(candidate["logit"][0]))

    def restrict(self, candidates: npt.NDArray[np.void]) -> None:
        llama.llama_sampler_apply(self._handle, candidate_array(candidates))

    def accept(self, token: int) -> None:
        llama.llama_sampler_accept(self._handle, token)

    def close(self) -> None:
        if self._handle:
            llama.llama_sampler_free(self._handle)
        self._handle = None


class _SchemaConstraint:
    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher
        self._allowed: npt.NDArray[np.uint8] | None = None

    def allows(self, token: int) -> bool:
        return bool(self._mask()[token])

    def restrict(self, candidates: npt.NDArray[np.void]) -> None:
        candidates["logit"][self._mask()[: candidates.size] == 0] = -np.inf

    def accept(self, token: int) -> None:
        self._allowed = None
        if not self._matcher.consume_token(token):
            raise _unsupported(self._matcher.get_error())

    def close(self) -> None:
        pass

    def _mask(self) -> npt.NDArray[np.uint8]:
        if self._allowed is None:
            bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
            self._allowed = np.unpackbits(bits, bitorder="little")
        return self._allowed


def candidate_array(candidates: npt.NDArray[np.void]) -> llama.llama_token_data_array:
    """llama.cpp's view of the candidates, which have to outlive it."""
    pointer = candidates.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
    return llama.llama_token_data_array(data=pointer, size=candidates.size, selected=-1, sorted=False)


def _unsupported(reason: str) -> CrofterError:
    # What follows the first line is the parser's state.
    first_line = reason.strip().split("\n", 1)[0]
    return CrofterError(
        ErrorCode.INVALID_REQUEST, f"the JSON schema cannot be followed: {first_line}", parameter="response_format"
    )
