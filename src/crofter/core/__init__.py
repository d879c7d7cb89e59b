"""Values, ids, ports and errors. No I/O; imports nothing of Crofter."""

from .errors import Blame, CrofterError, ErrorCode, ErrorReport
from .ids import ModelId, RequestId, new_request_id
from .ports import Backend
from .shape import ModelShape
from .values import (
    AdapterUse,
    ChatPrompt,
    Chunk,
    EmbeddingRequest,
    EmbeddingResult,
    FinishReason,
    GenerationRequest,
    Grammar,
    InfillPrompt,
    JsonSchema,
    Message,
    ModelFile,
    Prompt,
    Provenance,
    Sampling,
    TextPrompt,
    Timings,
    TokenLogprob,
    TokenPrompt,
    ToolCallDelta,
    Usage,
)
from .words import shown_size

__all__ = [
    "AdapterUse",
    "Backend",
    "Blame",
    "ChatPrompt",
    "Chunk",
    "CrofterError",
    "EmbeddingRequest",
    "EmbeddingResult",
    "ErrorCode",
    "ErrorReport",
    "FinishReason",
    "GenerationRequest",
    "Grammar",
    "InfillPrompt",
    "JsonSchema",
    "Message",
    "ModelFile",
    "ModelId",
    "ModelShape",
    "Prompt",
    "Provenance",
    "RequestId",
    "Sampling",
    "TextPrompt",
    "Timings",
    "TokenLogprob",
    "TokenPrompt",
    "ToolCallDelta",
    "Usage",
    "new_request_id",
    "shown_size",
]
