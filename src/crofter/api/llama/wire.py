"""What llama.vim, llama.vscode and other clients of llama-server's own addresses send. Unknown fields are ignored."""

from typing import Annotated

import msgspec

from crofter.api.openai.wire import GenerationFields

MOST_TOKENS = 262_144
"""Of one request to `/detokenize`: a token may be written with hundreds of bytes."""


class ExtraText(msgspec.Struct):
    text: str = ""
    filename: str = "snippet"


class TokenizeBody(msgspec.Struct, kw_only=True):
    """`POST /tokenize`."""

    content: str
    model: str = ""
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class DetokenizeBody(msgspec.Struct, kw_only=True):
    """`POST /detokenize`."""

    tokens: Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]], msgspec.Meta(max_length=MOST_TOKENS)]
    model: str = ""


class InfillBody(GenerationFields, kw_only=True):
    """`POST /infill`."""

    input_prefix: str = ""
    input_suffix: str = ""
    input_extra: list[ExtraText] | None = None
    prompt: str = ""
    """Of the line with the gap, what stands before it."""
    n_predict: Annotated[int, msgspec.Meta(ge=-1, le=2**31 - 1)] | None = None
    n_indent: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    t_max_predict_ms: Annotated[float, msgspec.Meta(le=1e9)] | None = None
    samplers: list[str] | str | None = None
    response_fields: list[str] | None = None
