"""What llama.vim, llama.vscode and other clients of llama-server's own addresses send. Unknown fields are ignored."""

from typing import Annotated

import msgspec

from crofter.api.openai.wire import GenerationFields


class ExtraText(msgspec.Struct):
    text: str = ""
    filename: str = "snippet"


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
