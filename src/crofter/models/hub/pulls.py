"""From what somebody asked for to an installed model: look up, choose, put before the owner, fetch, check, register. Blocking."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.installed import InstalledModel
from crofter.models.names import checked_name
from crofter.models.projectors import is_projector, projector_of
from crofter.models.registry import ModelRegistry
from crofter.models.storage.installation import free_for_installing
from crofter.store import OriginRecord, OriginRecords, Progress

from .catalogue import CatalogueEntry, built_in_catalogue, find_entry
from .choose import Room, choose
from .client import Access, HubClient, trusted_certificates
from .crew import Pace, Tools
from .download import Downloads
from .faults import offline
from .journal import delete_part
from .offer import Offer, Origin, consent_missing, installed_id, make_offer, make_origin, usual_name
from .patience import Pause, in_steps, sleep
from .reference import CatalogueName, Reference, checked_quantization, parse
from .settings import HubSettings
from .source import Source
from .variants import RepositoryFile, Variant, is_companion, variants

FOLDER = ".downloads"
"""Inside the models folder, so that a finished download is moved and not copied."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be pulled, and what its owner has already said to it."""

    source: str
    name: str | None = None
    quantization: str = ""
    accept_license: bool = False
    offline: bool = False
    endpoint: str = ""
    """Another hub than the settings name."""
    token: str = ""


class Report(Protocol):
    """Told how it goes; an exception from it stops the pull, and what was fetched stays for the next one."""

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        """So far in this stage."""
        ...

    def stage(self, name: str) -> None:
        """choosing, downloading, verifying, installing."""
        ...

    def offered(self, offer: Offer) -> None:
        """This is about to be fetched."""
        ...


class HubPulls:
    """The hub as a place to install from. Asks the network only inside `pull`, and never for what is installed."""

    def __init__(
        self, registry: ModelRegistry, origins: OriginRecords, settings: HubSettings, models_folder: Path, version: str
    ) -> None:
        self.entries: Sequence[CatalogueEntry] = built_in_catalogue()
        self.pause: Pause = sleep
        self._registry = registry
        self._origins = origins
        self.settings = settings
        self._models_folder = models_folder
        self._version = version
        self.downloads = Downloads(
            models_folder / FOLDER, Tools(trusted_certificates, Pace(connections=settings.connections))
        )

    def pull(self, wish: Wish, memory_bytes: int, report: Report) -> InstalledModel:
        """The model that `wish` means, fetched if it is not there yet.

        Raises LICENSE_NOT_ACCEPTED after `report.offered` when the owner has to agree first; OFFLINE; what `choose` and `Downloads`
        raise; CONFLICT for a name that is taken.
        """
        with contextlib.suppress(CrofterError):
            # It may be what is asked for; what cannot be finished is no reason to refuse another model.
            self._registry.finish()
        wanted, entry = self._meant(wish, memory_bytes)
        there = self._installed(wish, wanted, entry)
        if there is not None:
            return there
        if wish.offline or self.settings.offline:
            raise offline(wish.source[:200])
        self._check_name(wish.name)
        report.stage("choosing")
        access = Access(endpoint=wish.endpoint or self.settings.endpoint, token=wish.token)
        client = HubClient(access, self._version, in_steps(self.pause, lambda: report(0, 0)))
        repository = client.repository(wanted)
        listed = [file for file in repository.files if entry is None or entry.contains(file)]
        found = variants(listed, companions=bool(wanted.file))
        room = Room(memory_bytes=memory_bytes, disk_bytes=self._disk_bytes(listed))
        choice = choose(found, room, file=wanted.file, quantization=wanted.quantization)
        projector = _projector(repository.files, entry, choice.variant, found)
        offer = make_offer(repository, choice, projector, entry, access.endpoint)
        report.offered(offer)
        if offer.consent and not wish.accept_license:
            raise consent_missing(offer)
        files = (*choice.variant.files, *([projector] if projector else ()))
        self._fetch(files, client, repository.name, lambda file: client.address(repository, file), report)
        name = usual_name(wanted, entry, offer.quantization)
        origin = make_origin(offer, files, access.endpoint)
        return self._install(choice.variant.files, projector, wish.name, name, origin, report)

    def origin(self, model_id: ModelId) -> Origin | None:
        """Where an installed model came from, if it was pulled from a hub or made here."""
        return next((origin for each, origin in self._known_origins() if each == model_id), None)

    def remember(self, model_id: ModelId, origin: Origin) -> None:
        """Note where a model comes from. To be called just before it is installed."""
        self._origins.save(OriginRecord(model_id=model_id, origin=msgspec.json.encode(origin).decode()))

    def installed_entries(self) -> set[str]:
        """The catalogue's names that are installed."""
        names = {model.name for model in self._registry.installed()}
        return {entry.name for entry in self.entries if entry.name in names}

    def _meant(self, wish: Wish, memory_bytes: int) -> tuple[Reference, CatalogueEntry | None]:
        parsed = parse(wish.source, wish.endpoint or self.settings.endpoint)
        quantization = checked_quantization(wish.quantization) if wish.quantization else ""
        entry = find_entry(self.entries, parsed, memory_bytes) if isinstance(parsed, CatalogueName) else None
        wanted = entry.reference if entry is not None else parsed
        assert isinstance(wanted, Reference)  # noqa: S101 - a name without an entry has raised
        if quantization and (wanted.file or wanted.quantization not in {"", quantization}):
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, f"{wish.source[:200]!r} already says which: leave out the quantisation."
            )
        return msgspec.structs.replace(wanted, quantization=quantization or wanted.quantization), entry

    def _installed(self, wish: Wish, wanted: Reference, entry: CatalogueEntry | None) -> InstalledModel | None:
        """What is there already, under the name that is wished for; a damaged one is pulled anew."""
        names = [entry.name] if entry is not None and not wanted.quantization else []
        pulled = installed_id(self._known_origins(), wanted)
        for name in [*names, *([pulled] if pulled else [])]:
            with contextlib.suppress(CrofterError):
                model = self._registry.resolve(name)
                if wish.name and checked_name(wish.name) != model.name:
                    return self._registry.alias(name, wish.name)
                return model
        return None

    def _check_name(self, name: str | None) -> None:
        """Before hours of downloading, not after."""
        if name and checked_name(name) in {model.name for model in self._registry.installed()}:
            raise CrofterError(
                ErrorCode.CONFLICT,
                f"{name!r} is another model already: choose another name, or remove that one first (`crofter rm {name}`).",
                parameter="name",
            )

    def _disk_bytes(self, files: Sequence[RepositoryFile]) -> int:
        self.downloads.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return free_for_installing(self.downloads.folder) + sum(self.downloads.taken_bytes(file) for file in files)

    def _fetch(
        self,
        files: Sequence[RepositoryFile],
        client: HubClient,
        place: str,
        address: Callable[[RepositoryFile], str],
        report: Report,
    ) -> None:
        report.stage("downloading")
        headers = client.headers()
        total_bytes = sum(file.size_bytes for file in files)
        before = 0
        for file in files:
            source = Source(address(file), headers, place, file)
            self.downloads.fetch(file, source, place, _shifted(report, before, total_bytes))
            before += file.size_bytes
        report.stage("verifying")
        before = 0
        for file in files:
            self.downloads.verify(file, place, _shifted(report, before, total_bytes))
            before += file.size_bytes

    def _install(
        self,
        parts: Sequence[RepositoryFile],
        projector: RepositoryFile | None,
        name: str | None,
        usual: str,
        origin: Origin,
        report: Report,
    ) -> InstalledModel:
        report.stage("installing")
        files = (*parts, *([projector] if projector else ()))
        try:
            model = self._registry.adopt(
                [self.downloads.path(file) for file in parts],
                name,
                usual,
                report,
                lambda model_id: self.remember(model_id, origin),
                projector=self.downloads.path(projector) if projector else None,
            )
        except CrofterError as error:
            if error.code is ErrorCode.MODEL_INVALID:
                # What the hub says it is, and no model: nobody will want to go on from it.
                self._discard(files)
            raise
        self._discard(files)
        return model

    def _discard(self, files: Sequence[RepositoryFile]) -> None:
        for file in files:
            delete_part(self.downloads.folder, file.content)

    def _known_origins(self) -> list[tuple[ModelId, Origin]]:
        return [(record.model_id, msgspec.json.decode(record.origin, type=Origin)) for record in self._origins.all()]


def _projector(
    files: Sequence[RepositoryFile], entry: CatalogueEntry | None, chosen: Variant, found: Iterable[Variant]
) -> RepositoryFile | None:
    """The vision part that belongs to the chosen model, if there is one: as the catalogue says, else as the files are called.

    Raises DOWNLOAD_DAMAGED if the hub has the one of the catalogue no more.
    """
    if entry is not None:
        named = [file for file in files if PurePosixPath(file.path).name == entry.projector]
        if entry.projector and not named:
            raise CrofterError(
                ErrorCode.DOWNLOAD_DAMAGED,
                f"{entry.repository} has no {entry.projector} any more, without which {entry.name} sees nothing.",
            )
        return named[0] if named else None
    model = PurePosixPath(chosen.files[0].path)
    parts = {PurePosixPath(file.path): file for file in files if file.path.lower().endswith(".gguf")}
    projectors = [path for path in parts if is_projector(path)]
    if is_companion(model.name):
        return None
    models = [PurePosixPath(variant.files[0].path) for variant in found]
    path = projector_of(model, models, projectors)
    return None if path is None else parts[path]


def _shifted(report: Progress, before_bytes: int, total_bytes: int) -> Progress:
    """Progress of one file as that of all."""
    return lambda done, _total: report(before_bytes + done, total_bytes)
