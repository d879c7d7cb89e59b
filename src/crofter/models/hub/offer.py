"""What a pull is about to fetch, put before the owner; and where a model came from, kept with it."""

import time
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import msgspec

from crofter.core import CrofterError, ErrorCode, ModelId

from .catalogue import CatalogueEntry
from .choose import Choice, needed_memory
from .client import Repository
from .faults import page_of
from .license import restricts_use
from .reference import DEFAULT_REVISION, Reference
from .variants import RepositoryFile


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What will be downloaded, why this, and under which terms."""

    repository: str
    revision: str
    """The commit."""
    files: tuple[str, ...]
    quantization: str
    size_bytes: int
    reason: str
    license: str
    """Empty: not stated."""
    license_link: str
    page: str
    pinned: bool
    """Whether the built-in catalogue knows the hash of every file; otherwise the hub's own is trusted."""
    consent: str
    """Why the owner has to agree first; empty: need not."""
    needed_bytes: int
    """About what it takes of memory when it runs."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a model came from. Kept as JSON with its record: a new field needs a default."""

    repository: str
    revision: str
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    """Of each file, as the hub said and as the bytes were checked against."""
    quantization: str
    license: str
    endpoint: str
    pulled_at: float
    made_from: str = ""
    """The model it was made from here, and how; what came from a hub has none."""

    def answers(self, wanted: Reference) -> bool:
        """Whether this is what `wanted` asks for, as far as it says."""
        names = {PurePosixPath(each).name.lower() for each in self.files}
        return (
            self.repository.lower() == wanted.repository.lower()
            and wanted.revision in {DEFAULT_REVISION, self.revision}
            and (not wanted.file or PurePosixPath(wanted.file).name.lower() in names)
            and wanted.quantization in {"", self.quantization}
        )


def make_offer(
    repository: Repository,
    choice: Choice,
    projector: RepositoryFile | None,
    entry: CatalogueEntry | None,
    endpoint: str,
) -> Offer:
    """The offer for a choice, with the vision part that goes with it.

    Raises DOWNLOAD_DAMAGED if the hub has other content than the catalogue knows.
    """
    files = (*choice.variant.files, *([projector] if projector else ()))
    size_bytes = sum(file.size_bytes for file in files)
    _check_pins(files, entry, repository)
    return Offer(
        repository=repository.name,
        revision=repository.commit,
        files=tuple(file.path for file in files),
        quantization=choice.variant.quantization,
        size_bytes=size_bytes,
        reason=choice.reason,
        license=repository.license,
        license_link=repository.license_link,
        page=page_of(endpoint, repository.name),
        pinned=entry is not None and all(entry.pin(file) for file in files),
        consent=_consent(repository, entry, endpoint),
        needed_bytes=needed_memory(size_bytes),
    )


def make_origin(offer: Offer, files: Iterable[RepositoryFile], endpoint: str) -> Origin:
    """What to remember of a pull."""
    return Origin(
        repository=offer.repository,
        revision=offer.revision,
        files=offer.files,
        sha256=tuple(file.sha256 or file.content for file in files),
        quantization=offer.quantization,
        license=offer.license,
        endpoint=endpoint,
        pulled_at=time.time(),
    )


def usual_name(wanted: Reference, entry: CatalogueEntry | None, quantization: str) -> str:
    """How to call a model that was not given a name: as it was asked for."""
    if entry is not None:
        return f"{entry.name}-{quantization.lower()}" if wanted.quantization else entry.name
    base = wanted.repository.rpartition("/")[2]
    base = base[: -len("-gguf")] if base.lower().endswith("-gguf") else base
    return f"{base}:{quantization}" if quantization and (wanted.quantization or wanted.file) else base


def consent_missing(offer: Offer) -> CrofterError:
    """The error for terms that nobody has agreed to."""
    return CrofterError(
        ErrorCode.LICENSE_NOT_ACCEPTED,
        f"Nothing was downloaded: {offer.consent}. Read it at {offer.license_link or offer.page}, and say that you agree with `--yes`"
        ' (over HTTP: "accept_license": true).',
        parameter="accept_license",
    )


def installed_id(origins: Sequence[tuple[ModelId, Origin]], wanted: Reference) -> ModelId | None:
    """The model that was pulled from there already, if any; the last one if several."""
    found = [(origin.pulled_at, model_id) for model_id, origin in origins if origin.answers(wanted)]
    return max(found)[1] if found else None


def _check_pins(files: Iterable[RepositoryFile], entry: CatalogueEntry | None, repository: Repository) -> None:
    for file in files:
        pin = entry.pin(file) if entry is not None else ""
        if pin and pin != file.sha256:
            raise CrofterError(
                ErrorCode.DOWNLOAD_DAMAGED,
                f"{file.path} of {repository.name} is another content than the built-in catalogue knows"
                f" ({(file.sha256 or 'no hash')[:16]}… instead of {pin[:16]}…). If its makers have renewed it and you trust them, pull"
                f" {repository.name}:{PurePosixPath(file.path).name} by that name.",
            )


def _consent(repository: Repository, entry: CatalogueEntry | None, endpoint: str) -> str:
    if repository.gated:
        return f"{repository.name} is gated, its owner asks everybody to accept terms at {page_of(endpoint, repository.name)}"
    if entry is not None and repository.license.lower() != entry.license.lower():
        return f"its licence is now {repository.license or 'not stated'!r}, and was {entry.license!r} when the catalogue was made"
    if not repository.license:
        return "its licence is not stated"
    if restricts_use(repository.license):
        return f"its licence, {repository.license!r}, may restrict who uses it and for what"
    return ""
