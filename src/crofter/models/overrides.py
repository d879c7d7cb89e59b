"""What the owner decided about a model, in place of what its file says or the node's settings choose."""

import threading
from collections.abc import Iterable

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.store import ModelSettingRecord, ModelSettingRecords

from .facts.capabilities import CAPABILITIES
from .installed import InstalledModel, ModelSettings

SMALLEST_CONTEXT_TOKENS = 256


class Overrides:
    """The settings of all models, read once: every request asks. Any thread."""

    def __init__(self, records: ModelSettingRecords) -> None:
        self._records = records
        self._changing = threading.Lock()
        self._known = {each.model_id: msgspec.json.decode(each.settings, type=ModelSettings) for each in records.all()}

    def applied(self, model: InstalledModel) -> InstalledModel:
        """The model as its owner wants it."""
        settings = self._known.get(model.file.model_id)
        if settings is None:
            return model
        known = msgspec.structs.replace(model, settings=settings)
        file = msgspec.structs.replace(
            model.file, capabilities=known.capabilities, context_tokens=settings.context_tokens, pinned=settings.pinned
        )
        return msgspec.structs.replace(known, file=file)

    def change(self, model: InstalledModel, settings: ModelSettings) -> None:
        """Keep what was decided. Raises INVALID_REQUEST for a context that the model was not made for."""
        _check_context(model, settings.context_tokens)
        model_id = model.file.model_id
        with self._changing:
            if settings == ModelSettings():
                self._records.delete(model_id)
                self._known.pop(model_id, None)
            else:
                text = msgspec.json.encode(settings).decode()
                self._records.save(ModelSettingRecord(model_id=model_id, settings=text))
                self._known[model_id] = settings

    def forget(self, model_id: ModelId) -> None:
        """To be called when a model is gone: installed again, it is as its file says."""
        with self._changing:
            self._records.delete(model_id)
            self._known.pop(model_id, None)


def checked_capabilities(names: Iterable[str]) -> tuple[str, ...]:
    """Capabilities in their usual order. Raises INVALID_REQUEST for an unknown one, or none at all."""
    wanted = {name.strip().lower() for name in names}
    unknown = wanted - set(CAPABILITIES)
    if unknown or not wanted:
        what = f"there is no capability {min(unknown)!r}" if unknown else "name at least one capability"
        raise CrofterError(
            ErrorCode.INVALID_REQUEST, f"{what}; there are {', '.join(CAPABILITIES)}", parameter="capabilities"
        )
    return tuple(name for name in CAPABILITIES if name in wanted)


def _check_context(model: InstalledModel, context_tokens: int) -> None:
    longest = model.facts.context_length
    if context_tokens and not SMALLEST_CONTEXT_TOKENS <= context_tokens <= max(longest, SMALLEST_CONTEXT_TOKENS):
        raise CrofterError(
            ErrorCode.INVALID_REQUEST,
            f"{model.name} takes contexts from {SMALLEST_CONTEXT_TOKENS:,} to {longest:,} tokens",
            parameter="context_tokens",
        )
