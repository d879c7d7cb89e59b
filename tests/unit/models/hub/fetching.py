"""Fetching one file from the fake hub, as tests do it and as the child process that tests kill does it."""

import ssl
import sys
import threading
from pathlib import Path

from crofter.models.hub.crew import Pace, Tools
from crofter.models.hub.download import Downloads
from crofter.models.hub.source import Source
from crofter.models.hub.variants import RepositoryFile
from crofter.store import Progress
from tests.fake_hub import COMMIT, FakeFile, FakeHub

REPOSITORY = "org/model-GGUF"
KIB = 1 << 10
PACE = Pace(connections=4, smallest_bytes=64 * KIB, largest_bytes=256 * KIB, keep_bytes=64 * KIB)


def ignore(_done: int, _total: int) -> None:
    pass


def impatient(stop: threading.Event, _seconds: float) -> bool:
    return stop.is_set()


def downloads(folder: Path, pace: Pace = PACE) -> Downloads:
    return Downloads(folder, Tools(ssl.create_default_context, pace, impatient))


def described(file: FakeFile, path: str = "m.gguf") -> RepositoryFile:
    return RepositoryFile(
        path=path, size_bytes=len(file.content), sha256=file.sha256 if file.lfs else "", blob_id=file.blob_id
    )


def source(endpoint: str, file: RepositoryFile, token: str = "") -> Source:
    headers = {"user-agent": "crofter/test"} | ({"authorization": f"Bearer {token}"} if token else {})
    return Source(f"{endpoint}/{REPOSITORY}/resolve/{COMMIT}/{file.path}", headers, REPOSITORY, file)


def fetch(hub: FakeHub, folder: Path, progress: Progress = ignore, *, token: str = "", pace: Pace = PACE) -> Path:
    """Fetch and verify `m.gguf`."""
    file = described(hub.repositories[REPOSITORY].files["m.gguf"])
    work = downloads(folder, pace)
    work.fetch(file, source(hub.endpoint, file, token), REPOSITORY, progress)
    return work.verify(file, REPOSITORY, ignore)


if __name__ == "__main__":
    _endpoint, _folder, _size, _sha256 = sys.argv[1:]
    _file = RepositoryFile(path="m.gguf", size_bytes=int(_size), sha256=_sha256)
    downloads(Path(_folder)).fetch(_file, source(_endpoint, _file), REPOSITORY, ignore)
