"""One file of a repository, from the hub to a whole and verified file in the downloads folder. Blocking.

What is there is never fetched again: not after ctrl-C, a kill, a broken line, a full disk. Nothing else is left behind by a file
whose content turns out wrong.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from crofter.core import CrofterError, ErrorCode
from crofter.store import Progress, read_blocks

from .crew import BrokenError, Crew, Tools
from .faults import damaged
from .journal import PART_SUFFIX, Identity, PartFile, forget_old, forget_other_contents, unfinished_bytes
from .patience import Patience
from .ranges import missing
from .reading import NoRangesError, OtherBytesError, Server
from .source import Source
from .variants import RepositoryFile

_MOST_CHANGES = 3


class Downloads:
    """Files that are being fetched, in a folder of their own. Each may be fetched once at a time."""

    def __init__(self, folder: Path, tools: Tools) -> None:
        self.folder = folder
        self._tools = tools
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def fetch(self, file: RepositoryFile, source: Source, repository: str, progress: Progress) -> None:
        """Fetch what is missing of `file`; what is there already is not asked for.

        Raises CONFLICT while another fetch of it runs, HUB_UNREACHABLE, RATE_LIMITED, DOWNLOAD_DAMAGED, DISK_FULL, MODEL_GATED, or
        what `progress` raises; the next fetch then goes on.
        """
        identity = _identity(file, repository)
        with self._lock:
            if identity.content in self._busy:
                raise CrofterError(ErrorCode.CONFLICT, f"{file.path} is being downloaded already.", parameter="source")
            self._busy.add(identity.content)
            busy = frozenset(self._busy)
        try:
            forget_old(self.folder, time.time())
            forget_other_contents(self.folder, identity, busy)
            part = PartFile(self.folder, identity.content, identity)
            try:
                self._fill(part, source, progress)
            finally:
                part.close()
        finally:
            with self._lock:
                self._busy.discard(identity.content)

    def verify(self, file: RepositoryFile, repository: str, progress: Progress) -> Path:
        """The fetched file, once its content hashes to what the hub said. Raises DOWNLOAD_DAMAGED, and then it is deleted."""
        part = PartFile(self.folder, file.content, _identity(file, repository))
        if missing(part.done, file.size_bytes):
            part.close()
            raise damaged(f"{file.path} is not complete; pull it again.")
        found = _hash_of(file, part.path, progress)
        if found != (file.sha256 or file.blob_id):
            part.delete()
            raise damaged(
                f"{file.path} is not what the hub says it is: its hash is {found[:16]}… and should be"
                f" {(file.sha256 or file.blob_id)[:16]}…. The download was deleted; pull it again, from the hub itself if this was"
                " a mirror."
            )
        part.close()
        return part.path

    def path(self, file: RepositoryFile) -> Path:
        """Where its bytes are, whole or not."""
        return self.folder / f"{file.content}{PART_SUFFIX}"

    def taken_bytes(self, file: RepositoryFile) -> int:
        """How much disk what was fetched of it takes already."""
        return unfinished_bytes(self.folder, file.content)

    def _fill(self, part: PartFile, source: Source, progress: Progress) -> None:
        def crew(server: Server) -> Crew:
            return Crew(source, part, self._tools, server)

        for attempt in range(1, _MOST_CHANGES + 1):
            try:
                # Servers that name the same bytes differently each time are left to the hash at the end.
                crew(Server(tags=attempt < _MOST_CHANGES)).run(progress)
            except OtherBytesError:
                part.start_anew()
            except NoRangesError:
                self._fill_in_one_go(part, lambda: crew(Server(ranges=False)), progress)
                return
            else:
                return
        raise damaged(f"{part.identity.file} keeps changing while it is fetched: try again later.")

    def _fill_in_one_go(self, part: PartFile, crew: Callable[[], Crew], progress: Progress) -> None:
        """From a mirror that cannot begin in the middle: from the start each time."""

        def pause(seconds: float) -> None:
            self._tools.wait(threading.Event(), seconds)
            progress(0, part.identity.size_bytes)

        patience = Patience(pause)
        while True:
            part.start_anew()
            try:
                crew().run(progress)
            except BrokenError as broken:
                patience.spend(broken.failure)
            else:
                return


def _identity(file: RepositoryFile, repository: str) -> Identity:
    if not file.sha256 and not file.blob_id:
        raise damaged(
            f"the hub gives no hash for {file.path}, so nobody could tell whether it arrived whole; it is not fetched."
        )
    return Identity(content=file.content, size_bytes=file.size_bytes, repository=repository, file=file.path)


def _hash_of(file: RepositoryFile, path: Path, progress: Progress) -> str:
    """SHA-256 of the content, or git's SHA-1 of a small file that lies in git itself."""
    start = b"blob %d\0" % file.size_bytes
    hasher = hashlib.sha256() if file.sha256 else hashlib.sha1(start, usedforsecurity=False)
    read_blocks(path, hasher.update, progress)
    return hasher.hexdigest()
