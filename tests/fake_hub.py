"""A server on this computer that behaves like the Hugging Face hub with its content network, and misbehaves on demand.

    python -m tests.fake_hub MODEL.gguf … [--megabytes-per-second 10]

serves the files as the repository `test/model-GGUF` until stopped and prints the HF_ENDPOINT to use.
"""

import argparse
import hashlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
BLOCK_BYTES = 1 << 16


class FakeFile:
    """A file of a repository; `served` are the bytes that are really sent, for when they are not what was promised."""

    def __init__(self, content: bytes, *, lfs: bool = True, served: bytes | None = None) -> None:
        self.content = content
        self.served = content if served is None else served
        self.lfs = lfs
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.blob_id = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def described(self, path: str) -> dict[str, Any]:
        """As the API lists it with `blobs`."""
        entry: dict[str, Any] = {"rfilename": path, "size": len(self.content), "blobId": self.blob_id}
        if self.lfs:
            entry["lfs"] = {"sha256": self.sha256, "size": len(self.content), "pointerSize": 135}
        return entry


class FakeRepository:
    """A model repository at one commit."""

    def __init__(self, files: dict[str, FakeFile], *, licence: str = "apache-2.0", gated: str | bool = False) -> None:
        self.files = files
        self.license = licence
        self.gated = gated
        self.commit = COMMIT
        self.allowed_tokens: set[str] = set()
        self.card: dict[str, Any] = {}

    def described(self, name: str, *, blobs: bool) -> dict[str, Any]:
        """As the API answers."""
        tags = ["gguf", *([f"license:{self.license}"] if self.license else [])]
        card = {**({"license": self.license} if self.license else {}), **self.card}
        listing = [each.described(path) if blobs else {"rfilename": path} for path, each in self.files.items()]
        return {
            "_id": "0" * 24,
            "id": name,
            "modelId": name,
            "sha": self.commit,
            "private": False,
            "gated": self.gated,
            "tags": tags,
            "cardData": card,
            "siblings": listing,
            "lastModified": "2026-01-01T00:00:00.000Z",
        }


class Seen(NamedTuple):
    """A request as it came."""

    server: str
    """hub or cdn."""
    method: str
    path: str
    headers: dict[str, str]
    """Names in small letters."""


class Refusal(NamedTuple):
    """An answer to give instead of the right one."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})


class FakeHub:
    """Two servers: the hub, and the content network it sends readers to. Everything may be changed while they run."""

    def __init__(self) -> None:
        self.repositories: dict[str, FakeRepository] = {}
        self.moved: dict[str, str] = {}
        """Repository to its new name."""
        self.refusals: dict[str, deque[Refusal]] = {"hub": deque(), "cdn": deque()}
        """What the next requests of each server get."""
        self.truncations: deque[int] = deque()
        """After so many bytes the next bodies of the content network end."""
        self.bytes_per_second = 0.0
        """Of each connection; 0: as fast as it goes."""
        self.gate: Callable[[int], None] = lambda sent: None
        """Called with all bytes sent so far before each block; may block."""
        self.direct = False
        """A mirror: serves the bytes itself."""
        self.pointers = False
        """A mirror that copied the pointers of large files only."""
        self.ranges = True
        self.tag: Callable[[FakeFile], str] = lambda file: f'"{file.sha256[:32]}"'
        self.signature = 1
        """Addresses with another one have expired."""
        self.sent_bytes = 0
        self.open_bodies = 0
        self.most_open_bodies = 0
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self._servers = {name: _Server(self, name) for name in ("hub", "cdn")}

    def __enter__(self) -> Self:
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._servers['hub'].server_port}"

    @property
    def cdn(self) -> str:
        """Where the bytes are: another host name and port than the hub's."""
        return f"http://localhost:{self._servers['cdn'].server_port}"

    def add(self, name: str, **files: bytes) -> FakeRepository:
        """A repository with these files; `__` in a name stands for a dot."""
        repository = FakeRepository({path.replace("__", "."): FakeFile(content) for path, content in files.items()})
        self.repositories[name] = repository
        return repository

    def requests(self, server: str, method: str = "") -> list[Seen]:
        """What one of the servers was asked."""
        with self.lock:
            return [each for each in self.seen if each.server == server and method in {"", each.method}]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub: FakeHub, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.name = name

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up whenever they like."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # it is always one of ours
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Quietly."""

    def _answer(self) -> None:
        hub, name = self.server.hub, self.server.name
        headers = {key.lower(): value for key, value in self.headers.items()}
        with hub.lock:
            hub.seen.append(Seen(name, self.command, self.path, headers))
            refusal = hub.refusals[name].popleft() if hub.refusals[name] else None
        if refusal is not None:
            self._empty(refusal.status, refusal.headers)
        elif name == "cdn":
            self._content_network()
        else:
            self._hub()

    def _hub(self) -> None:
        path = unquote(urlsplit(self.path).path)
        query = parse_qs(urlsplit(self.path).query)
        if about := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._about(about[1], about[2] or "main", blobs="blobs" in query)
        elif cached := re.fullmatch(r"/api/resolve-cache/models/([^/]+/[^/]+)/([0-9a-f]{40})/(.+)", path):
            file = self.server.hub.repositories[cached[1]].files[cached[3]]
            self._body(file, file.served, f'"{file.blob_id}"')
        elif resolve := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(resolve[1], resolve[2], resolve[3])
        else:
            self._empty(404, {"x-error-code": "NotFound"})

    def _about(self, name: str, revision: str, *, blobs: bool) -> None:
        hub = self.server.hub
        if name in hub.moved:
            self._empty(307, {"location": f"/api/models/{hub.moved[name]}/revision/{revision}?blobs=true"})
            return
        repository = hub.repositories.get(name)
        if repository is None:
            self._empty(401, {"x-error-code": "RepoNotFound", "x-error-message": "Repository not found"})
        elif revision not in {"main", repository.commit}:
            self._empty(404, {"x-error-code": "RevisionNotFound", "x-error-message": f"Invalid rev id: {revision}"})
        else:
            self._json(repository.described(name, blobs=blobs))

    def _resolve(self, name: str, revision: str, path: str) -> None:
        hub = self.server.hub
        repository = hub.repositories.get(name)
        if repository is None:
            self._empty(401, {"x-error-code": "RepoNotFound", "x-error-message": "Repository not found"})
            return
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if repository.gated and token not in repository.allowed_tokens:
            message = f"Access to model {name} is restricted. You must be authenticated to access it."
            self._empty(403 if token else 401, {"x-error-code": "GatedRepo", "x-error-message": message})
            return
        file = repository.files.get(path)
        if revision not in {"main", repository.commit} or file is None:
            code = "EntryNotFound" if file is None else "RevisionNotFound"
            self._empty(404, {"x-error-code": code, "x-error-message": "not here"})
            return
        self._bytes_of(name, repository, path, file)

    def _bytes_of(self, name: str, repository: FakeRepository, path: str, file: FakeFile) -> None:
        hub = self.server.hub
        linked = {"x-repo-commit": repository.commit}
        if hub.pointers:
            pointer = (
                f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize {len(file.content)}\n"
            )
            self._body(file, pointer.encode(), f'"{file.blob_id}"')
        elif not file.lfs:
            where = f"/api/resolve-cache/models/{name}/{repository.commit}/{quote(path)}"
            self._empty(307, {**linked, "location": where, "etag": f'"{file.blob_id}"'})
        elif hub.direct:
            self._body(file, file.served, hub.tag(file))
        else:
            linked |= {"x-linked-size": str(len(file.content)), "x-linked-etag": f'"{file.sha256}"'}
            where = f"{hub.cdn}/blobs/{quote(name)}/{quote(path)}?Expires=9999&Signature={hub.signature}"
            self._empty(302, {**linked, "location": where, "link": '<https://elsewhere.example>; rel="xet-auth"'})

    def _content_network(self) -> None:
        hub = self.server.hub
        parts = urlsplit(self.path)
        if parse_qs(parts.query).get("Signature") != [str(hub.signature)]:
            self._empty(403, {})
            return
        found = re.fullmatch(r"/blobs/([^/]+/[^/]+)/(.+)", unquote(parts.path))
        repository = hub.repositories.get(found[1]) if found else None
        file = repository.files.get(found[2]) if repository and found else None
        if file is None:
            self._empty(404, {})
        else:
            self._body(file, file.served, hub.tag(file))

    def _body(self, file: FakeFile, content: bytes, tag: str) -> None:
        hub = self.server.hub
        start, stop, status = 0, len(content), 200
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        if span and hub.ranges and self.headers.get("if-range", tag) == tag:
            start, stop, status = (
                int(span[1]),
                min(int(span[2] or len(content)) + (1 if span[2] else 0), len(content)),
                206,
            )
            if start >= len(content):
                self._empty(416, {"content-range": f"bytes */{len(content)}"})
                return
        self.send_response(status)
        if status == 206:
            self.send_header("content-range", f"bytes {start}-{stop - 1}/{len(content)}")
        if hub.ranges:
            self.send_header("accept-ranges", "bytes")
        if tag:
            self.send_header("etag", tag)
        self.send_header("content-length", str(stop - start))
        self.end_headers()
        if self.command == "GET":
            self._send(memoryview(content)[start:stop])

    def _send(self, content: memoryview) -> None:
        hub = self.server.hub
        with hub.lock:
            limit = hub.truncations.popleft() if hub.truncations else len(content)
            hub.open_bodies += 1
            hub.most_open_bodies = max(hub.most_open_bodies, hub.open_bodies)
        try:
            started = time.monotonic()
            for position in range(0, min(limit, len(content)), BLOCK_BYTES):
                hub.gate(hub.sent_bytes)
                block = content[position : min(position + BLOCK_BYTES, limit)]
                self.wfile.write(block)
                with hub.lock:
                    hub.sent_bytes += len(block)
                if hub.bytes_per_second:
                    time.sleep(max(0.0, started + (position + len(block)) / hub.bytes_per_second - time.monotonic()))
            if limit < len(content):
                self.close_connection = True
        finally:
            with hub.lock:
                hub.open_bodies -= 1

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _empty(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description="A local server that behaves like the Hugging Face hub.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--megabytes-per-second", type=float, default=0.0, help="of each connection")
    parser.add_argument("--license", default="apache-2.0")
    parser.add_argument("--gated", action="store_true")
    options = parser.parse_args()
    with FakeHub() as hub:
        files = {path.name: FakeFile(path.read_bytes()) for path in options.files}
        hub.repositories["test/model-GGUF"] = FakeRepository(files, licence=options.license, gated=options.gated)
        hub.repositories["test/model-GGUF"].allowed_tokens = {"hf_test"}
        hub.bytes_per_second = options.megabytes_per_second * 1e6
        print(f"HF_ENDPOINT={hub.endpoint}", flush=True)  # noqa: T201 - that is its output
        threading.Event().wait()


if __name__ == "__main__":
    main()
