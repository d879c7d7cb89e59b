"""A model on the hub of which only some tensors are wanted: where each lies, and its bytes. Blocking.

Nothing here is believed: whoever asks knows the hash of every tensor.
"""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from crofter.core import CrofterError, ErrorCode
from crofter.models.gguf.header import read_header
from crofter.models.storage.manifest import TensorEntry

from .client import HubClient, trusted_certificates
from .connection import Connection, TrustedCertificates
from .faults import TransientError, damaged
from .journal import Identity
from .patience import Patience, Pause
from .ranges import Range
from .reading import NoRangesError, OtherBytesError, Reader, Reading, Server
from .reference import Reference, parse
from .source import Source
from .variants import RepositoryFile

_MOST_FILES = 64
_FIRST_HEADER_BYTES = 1 << 20
_HEADER_GROWTH = 4
_MOST_HEADER_BYTES = 64 << 20
_NEVER_BYTES = 1 << 62
"""Nothing is written down between: what came is counted by whoever takes it."""
_FILES_AS_THEY_ARE = Server(ranges=True, tags=False)
"""Whether the bytes are the right ones is found out by their hash."""

Take = Callable[[bytes], None]
"""Gets bytes in order; may raise to end it all."""


class HubPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of a model lie on the hub. What a peer says of it is checked by `checked`."""

    repository: Annotated[str, msgspec.Meta(max_length=200)]
    revision: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}$")]
    """The commit."""
    files: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=256)], ...], msgspec.Meta(min_length=1, max_length=_MOST_FILES)
    ]

    def checked(self) -> Reference:
        """As a reference. Raises INVALID_REQUEST, UNSUPPORTED for what names no GGUF files of a repository."""
        wanted = Reference(repository=self.repository, revision=self.revision)
        for file in self.files:
            if parse(f"hf://{self.repository}@{self.revision}:{file}") != msgspec.structs.replace(wanted, file=file):
                raise CrofterError(ErrorCode.INVALID_REQUEST, "that names no file of a repository on the hub")
        return wanted


class _File(NamedTuple):
    described: RepositoryFile
    source: Source


class _Place(NamedTuple):
    file: _File
    shape: tuple[int, ...]
    type: str
    offset: int


class RemoteModel:
    """Reads ranges of its files; safe for several threads, each of which has a `RemoteLine` of its own."""

    def __init__(self, client: HubClient, place: HubPlace, trusted: TrustedCertificates = trusted_certificates) -> None:
        """Asks nobody yet."""
        self._client = client
        self._place = place
        self._trusted = trusted
        self._opening = threading.Lock()
        self._files: list[_File] | None = None
        self._tensors: dict[str, _Place] = {}

    def line(self) -> "RemoteLine":
        """A connection to read with."""
        return RemoteLine(self, Connection(self._trusted))

    def find(self, entry: TensorEntry, line: "RemoteLine", pause: Pause) -> _Place:
        """Where a tensor lies; reads headers until it is found. Raises DOWNLOAD_DAMAGED if the hub has another model there."""
        with self._opening:
            if self._files is None:
                self._files = self._listed()
            while entry.name not in self._tensors and self._files:
                self._read_header(self._files[0], line, pause)
                del self._files[0]
        place = self._tensors.get(entry.name)
        if place is None or (place.shape, place.type) != (entry.shape, entry.type):
            raise damaged(f"{self._place.repository} has no {entry.name} as it is wanted.")
        return place

    def _listed(self) -> list[_File]:
        repository = self._client.repository(self._place.checked())
        headers = self._client.headers()
        listed = {file.path: file for file in repository.files}
        if missing := [name for name in self._place.files if name not in listed]:
            raise damaged(f"{repository.name} has no {missing[0]} any more.")
        files = [listed[name] for name in self._place.files]
        return [
            _File(file, Source(self._client.address(repository, file), headers, repository.name, file))
            for file in files
        ]

    def _read_header(self, file: _File, line: "RemoteLine", pause: Pause) -> None:
        """Take its beginning here, as much as is needed, and note what lies where."""
        size_bytes = file.described.size_bytes
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "model.gguf").open("w+b") as copy:
            copy.truncate(size_bytes)

            def take(data: bytes) -> None:
                copy.write(data)

            wanted_bytes = _FIRST_HEADER_BYTES
            while True:
                stop = min(wanted_bytes, size_bytes)
                line.fetch(file, (copy.tell(), stop), take, pause)
                copy.flush()
                try:
                    tensors = read_header(Path(copy.name)).tensors
                    if min((tensor.offset for tensor in tensors), default=0) <= stop:
                        break
                except CrofterError:
                    if stop == size_bytes:
                        raise
                if stop in {size_bytes, _MOST_HEADER_BYTES}:
                    raise damaged(f"{file.described.path} has no header that can be read.")
                wanted_bytes = min(wanted_bytes * _HEADER_GROWTH, _MOST_HEADER_BYTES)
        for tensor in tensors:
            self._tensors.setdefault(tensor.name, _Place(file, tensor.shape, tensor.type.name, tensor.offset))


class RemoteLine:
    """One connection, used by one thread at a time; `interrupt` may be called by any."""

    def __init__(self, model: RemoteModel, connection: Connection) -> None:
        self._model = model
        self._connection = connection

    def read(self, entry: TensorEntry, start: int, take: Take, pause: Pause) -> None:
        """The bytes of a tensor from `start` on. `pause` waits between attempts, and may raise to end them.

        Raises DOWNLOAD_DAMAGED, HUB_UNREACHABLE and other words of the hub, OFFLINE, or what `take` and the pause raise.
        """
        place = self._model.find(entry, self, pause)
        self.fetch(place.file, (place.offset + start, place.offset + entry.size_bytes), take, pause)

    def fetch(self, file: _File, piece: Range, take: Take, pause: Pause) -> None:
        """Bytes [start, stop) of a file, with patience. Raises as `read`."""
        reading = Reading(*piece)
        patience = Patience(pause)
        while reading.start < reading.stop:
            reader = Reader(file.source, _Taken(file, take), _NEVER_BYTES, _uncounted, _FILES_AS_THEY_ARE)
            try:
                reader.read(self._connection, reading)
            except TransientError as failure:
                if reading.position > reading.start:
                    patience.restore()
                patience.spend(failure)
            except (NoRangesError, OtherBytesError):
                raise damaged(f"{file.described.path} cannot be had in parts from this hub.") from None
            reading = Reading(reading.position, reading.stop)

    def interrupt(self) -> None:
        """Wake whoever waits for it."""
        self._connection.interrupt()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class _Taken:
    """A `Target` that hands on what comes."""

    def __init__(self, file: _File, take: Take) -> None:
        described = file.described
        self._take = take
        self.identity = Identity(
            content=described.content, size_bytes=described.size_bytes, repository="", file=described.path
        )

    def write(self, data: bytes, offset: int) -> None:  # noqa: ARG002 - one piece comes in order
        self._take(data)

    def keep(self, piece: Range) -> None:
        """Nothing is written down."""

    def tagged(self, tag: str) -> None:
        """Tags are not asked about."""


def _uncounted(_size_bytes: int) -> None:
    pass
