"""Whether a model can be asked for something: known before anything is loaded for it. Pure."""

from crofter.core import ChatPrompt, CrofterError, ErrorCode, InfillPrompt, Model, Prompt

_EMBEDDERS = frozenset({"embedding", "completion"})
"""What a model reads to go on writing is a vector too."""


def require_writing(model: Model, prompt: Prompt) -> None:
    """Raises UNSUPPORTED if the model does not answer such prompts."""
    match prompt:
        case ChatPrompt():
            wanted, what, instead = "chat", "has no chat", "; use /v1/completions"
        case InfillPrompt():
            wanted, what, instead = "fim", "fills no gaps in texts", "; leave out the suffix"
        case _:
            wanted, what, instead = "completion", "continues no texts", ""
    if not model.capabilities or wanted in model.capabilities:
        return
    raise _unsupported(model, what, instead if wanted != "completion" and "completion" in model.capabilities else "")


def require_embedding(model: Model) -> None:
    """Raises UNSUPPORTED if the model turns nothing into vectors."""
    if model.capabilities and not _EMBEDDERS.intersection(model.capabilities):
        raise _unsupported(model, "makes no embeddings", "")


def require_ranking(model: Model) -> None:
    """Raises UNSUPPORTED if the model does not judge texts by a question."""
    if model.capabilities and "rerank" not in model.capabilities:
        raise _unsupported(model, "ranks no texts", "; pull a reranker, such as bge-reranker or Qwen3-Reranker")


def _unsupported(model: Model, what: str, instead: str) -> CrofterError:
    message = (
        f"{model.name} {what}{instead}. It is there for: {', '.join(model.capabilities)} (`crofter show {model.name}`)."
    )
    return CrofterError(ErrorCode.UNSUPPORTED, message, parameter="model")
