"""Models and workers as the owner sees them."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from crofter.api import (
    CatalogueItem,
    FoundModel,
    FoundModels,
    ModelChange,
    ModelDetails,
    ModelMemory,
    ModelPart,
    ModelSummary,
)
from crofter.cluster import PeerModel
from crofter.core import CrofterError, ErrorCode, Model, ModelId
from crofter.engine import Fit
from crofter.models import (
    Found,
    HubPulls,
    InstalledModel,
    ModelRegistry,
    ModelSettings,
    Origin,
    Room,
    anatomy,
    checked_capabilities,
    fits_memory,
    needed_memory,
    recommended,
)
from crofter.providers import Provider, ProviderBook, RemoteModel, model_radius, place


class NamedModels:
    """The router's view of names: a file to load, or else what its owner's providers, or trusted nodes, call so."""

    def __init__(
        self, registry: ModelRegistry, book: ProviderBook, at_peers: Callable[[str], Model | None] = lambda _name: None
    ) -> None:
        """`at_peers` finds what trusted nodes call so."""
        self._registry = registry
        self._book = book
        self._at_peers = at_peers

    def resolve(self, name: str) -> Model:
        """What is installed comes first, so that its name never means anything of somebody else's.

        Raises MODEL_NOT_FOUND, MODEL_INVALID when a file was damaged, FORBIDDEN for a disabled provider's.
        """
        try:
            return self._registry.resolve(name).file
        except CrofterError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            wanted = name or self._registry.default_name
            remote = self._book.find(wanted) or self._at_peers(wanted)
            if remote is None:
                raise
            return remote


def remote_summary(name: str, provider: Provider, remote_name: str, default_name: str) -> ModelSummary:
    """One line of `crofter ls` for what a provider offers; what is not known of it is 0 or empty."""
    return ModelSummary(
        name=name,
        model_id=ModelId(""),
        size_bytes=0,
        architecture="",
        parameter_count=0,
        quantization="",
        context_length=0,
        capabilities=(),
        embedded=False,
        added_at=provider.listed_at or provider.added_at,
        default=name == default_name,
        provider=provider.name,
        radius=model_radius(provider, remote_name),
    )


def peer_summary(model: PeerModel, holder: str) -> ModelSummary:
    """One line of `crofter ls` for what a trusted node offers; `holder` is how it is called here."""
    return ModelSummary(
        name=model.name,
        model_id=model.model_id,
        size_bytes=model.size_bytes,
        architecture=model.architecture,
        parameter_count=0,
        quantization="",
        context_length=model.context_length,
        capabilities=model.capabilities,
        embedded=False,
        added_at=0.0,
        provider=holder,
        radius="trusted",
    )


def remote_details(model: RemoteModel, default_name: str) -> ModelDetails:
    """The same as `crofter show` has it."""
    provider = model.provider
    aliases = (alias for alias, remote_name in provider.aliases.items() if remote_name == model.remote_name)
    return _details_elsewhere(
        remote_summary(model.name, provider, model.remote_name, default_name),
        provider.base_url,
        place(provider, model.remote_name),
        (model.name, *aliases),
    )


def peer_details(model: PeerModel, holder: str) -> ModelDetails:
    """The same of a trusted node's."""
    details = _details_elsewhere(peer_summary(model, holder), "", f"offered by {holder}", (model.name,))
    return msgspec.structs.replace(details, layer_count=model.layer_count)


def _details_elsewhere(summary: ModelSummary, path: str, origin: str, names: tuple[str, ...]) -> ModelDetails:
    """Of a model that is not on this machine: what only its file says is 0 or empty."""
    return ModelDetails(
        summary=summary,
        path=path,
        license="",
        layer_count=0,
        embedding_length=0,
        head_count=0,
        key_value_head_count=0,
        vocabulary_size=0,
        kv_bytes_per_token=0,
        chat_template="",
        tensor_types={},
        origin=origin,
        names=names,
    )


def summary(model: InstalledModel, fit: Fit | None = None) -> ModelSummary:
    """One line of `crofter ls`."""
    facts = model.facts
    return ModelSummary(
        name=model.name,
        model_id=model.file.model_id,
        size_bytes=model.file.size_bytes,
        architecture=facts.architecture,
        parameter_count=facts.parameter_count,
        quantization=facts.quantization,
        context_length=facts.context_length,
        capabilities=model.capabilities,
        embedded=model.embedded,
        added_at=model.added_at,
        default=model.default,
        linked=model.linked,
        pinned=model.settings.pinned,
        fit=fit.verdict if fit is not None else "",
    )


def memory(fit: Fit) -> ModelMemory:
    """What `crofter show` says of a model's memory."""
    devices = (fit.need.host, *fit.need.accelerators)
    return ModelMemory(
        context_tokens=fit.context_tokens,
        kv_tokens=fit.kv_tokens,
        weights_bytes=sum(device.weights_bytes for device in devices),
        kv_bytes=sum(device.kv_bytes for device in devices),
        compute_bytes=sum(device.compute_bytes for device in devices),
        process_bytes=sum(device.process_bytes for device in devices),
        total_bytes=fit.need.total_bytes,
        accelerator_bytes=tuple(device.total_bytes for device in fit.need.accelerators),
        free_bytes=fit.free_bytes,
        advice=fit.advice,
    )


def details(
    model: InstalledModel,
    registry: ModelRegistry,
    tuning: Mapping[str, str | int | bool],
    origin: Origin | None = None,
    fit: Fit | None = None,
) -> ModelDetails:
    """What `crofter show` prints. Reads the files' headers. Raises MODEL_INVALID if they cannot be read any more."""
    facts = model.facts
    inside = anatomy(registry.contents.header(model))
    group_ids = registry.contents.group_ids(model)
    parts = (msgspec.convert(part, ModelPart, from_attributes=True) for part in inside.parts)
    return ModelDetails(
        summary=summary(model, fit),
        path=str(model.file.path),
        license=facts.license,
        layer_count=facts.layer_count,
        embedding_length=facts.embedding_length,
        head_count=facts.head_count,
        key_value_head_count=facts.key_value_head_count,
        vocabulary_size=facts.vocabulary_size,
        kv_bytes_per_token=facts.kv_bytes_per_token,
        chat_template=facts.chat_template,
        tensor_types=facts.tensor_types,
        tuning=dict(tuning),
        origin=shown_origin(origin) if origin is not None else "",
        names=tuple(one.name for one in registry.installed() if one.file.model_id == model.file.model_id),
        file_capabilities=facts.capabilities,
        context_tokens=model.settings.context_tokens,
        bytes_by_type=inside.bytes_by_type,
        parts=tuple(msgspec.structs.replace(part, group_id=group_ids.get(part.name, "")) for part in parts),
        active_parameter_count=inside.active_parameter_count,
        expert_count=inside.expert_count,
        experts_used=inside.experts_used,
        sliding_window_tokens=inside.sliding_window_tokens,
        rope_scaling=inside.rope_scaling,
        sampling=facts.sampling,
        memory=memory(fit) if fit is not None else None,
    )


def decided(before: ModelSettings, change: ModelChange) -> ModelSettings:
    """What an owner has decided, all in all. Raises INVALID_REQUEST for capabilities that do not exist."""
    values = {key: value for key, value in msgspec.structs.asdict(change).items() if value is not msgspec.UNSET}
    if values.get("capabilities") is not None:
        values["capabilities"] = checked_capabilities(values["capabilities"])
    return msgspec.structs.replace(before, **values)


def shown_origin(origin: Origin) -> str:
    """Where a model came from, in one line."""
    if origin.made_from:
        return f"made from {origin.made_from}"
    files = ", ".join(f"{file} (sha256 {sha256})" for file, sha256 in zip(origin.files, origin.sha256, strict=True))
    return f"{origin.endpoint}/{origin.repository} at {origin.revision}: {files}"


def found_models(found: Found, installed: Sequence[InstalledModel]) -> FoundModels:
    """What is on this machine, and which of it is installed already."""
    by_path = {model.file.path: model.name for model in installed}
    by_header = {
        (model.facts.name, model.facts.architecture, model.facts.parameter_count, model.facts.quantization): model.name
        for model in installed
    }
    models: list[FoundModel] = []
    for model in found.models:
        linked = by_path.get(model.parts[0], "")
        alike = by_header.get((model.own_name, model.architecture, model.parameter_count, model.quantization), "")
        shown = FoundModel(
            name=model.name,
            program=model.program,
            parts=tuple(map(str, model.parts)),
            projector=str(model.projector or ""),
            size_bytes=model.size_bytes,
            quantization=model.quantization,
            architecture=model.architecture,
            parameter_count=model.parameter_count,
            installed=linked or alike,
            linked=bool(linked),
        )
        models.append(shown)
    return FoundModels(models=tuple(models), remarks=found.remarks)


def catalogue(hub: HubPulls, memory_bytes: int) -> list[CatalogueItem]:
    """The built-in catalogue, with what of it suits this machine. Asks nobody."""
    room = Room(memory_bytes=memory_bytes, disk_bytes=0)
    installed = hub.installed_entries()
    tasks = {entry.task for entry in hub.entries}
    chosen = {recommended([entry for entry in hub.entries if entry.task == task], memory_bytes).name for task in tasks}
    return [
        CatalogueItem(
            name=entry.name,
            task=entry.task,
            about=entry.about,
            repository=entry.repository,
            license=entry.license,
            quantization=entry.quantization,
            size_bytes=entry.size_bytes,
            pinned=bool(entry.sha256),
            fits=fits_memory(entry.size_bytes, room),
            recommended=entry.name in chosen,
            installed=entry.name in installed,
            needed_bytes=needed_memory(entry.size_bytes),
        )
        for entry in hub.entries
    ]
