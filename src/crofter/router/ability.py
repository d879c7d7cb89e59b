"""Whether a model can be asked for something: known before anything is loaded for it. Pure."""

from crofter.core import ChatPrompt, CrofterError, ErrorCode, InfillPrompt, Model, Prompt

_EMBEDDERS = frozenset({"embedding", "completion"})
"""What a model reads to go on writing is a vector too."""

_SENSES = {"image": ("vision", "images"), "audio": ("audio", "sound")}


def require_writing(model: Model, prompt: Prompt) -> None:
    """Raises UNSUPPORTED if the model does not answer such prompts."""
    match prompt:
        case ChatPrompt():
            wanted, what, instead = "chat", "has no chat", "; use /v1/completions"
        case InfillPrompt():
            wanted, what, instead = "fim", "fills no gaps in texts", "; leave out the suffix"
        case _:
            wanted, what, instead = "completion", "continues no texts", ""
    if model.capabilities and wanted not in model.capabilities:
        instead = instead if wanted != "completion" and "completion" in model.capabilities else ""
        raise _unsupported(model, f"{what}{instead}")
    require_senses(model, prompt)


def require_senses(model: Model, prompt: Prompt) -> None:
    """Raises UNSUPPORTED, naming the field, if the prompt brings what the model cannot see or hear."""
    for part in prompt.media if isinstance(prompt, ChatPrompt) and model.capabilities else ():
        wanted, what = _SENSES[part.kind]
        if wanted not in model.capabilities:
            raise _unsupported(model, f"takes no {what}", part.place)


def require_embedding(model: Model) -> None:
    """Raises UNSUPPORTED if the model turns nothing into vectors."""
    if model.capabilities and not _EMBEDDERS.intersection(model.capabilities):
        raise _unsupported(model, "makes no embeddings")


def require_ranking(model: Model) -> None:
    """Raises UNSUPPORTED if the model does not judge texts by a question."""
    if model.capabilities and "rerank" not in model.capabilities:
        raise _unsupported(model, "ranks no texts; pull a reranker, such as bge-reranker or Qwen3-Reranker")


def _unsupported(model: Model, what: str, parameter: str = "model") -> CrofterError:
    message = f"{model.name} {what}. It is there for: {', '.join(model.capabilities)} (`crofter show {model.name}`)."
    return CrofterError(ErrorCode.UNSUPPORTED, message, parameter=parameter)
