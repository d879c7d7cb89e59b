"""What somebody asked for, taken apart: a name of our catalogue, or a place on the hub. Pure."""

import re
from urllib.parse import unquote, urlsplit

import msgspec

from crofter.core import CrofterError, ErrorCode

DEFAULT_REVISION = "main"
HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPOSITORY = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_QUANTIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}(:[a-z0-9][a-z0-9._-]{0,63})?")
_OTHER_KINDS = {"datasets": "data sets", "spaces": "spaces", "kernels": "kernels", "buckets": "buckets"}
_VIEWS = ("blob", "resolve", "raw", "tree")
_FILE_SUFFIX = ".gguf"


class CatalogueName(msgspec.Struct, frozen=True):
    """A short name such as `qwen3:4b`, a family such as `qwen3`, or a task such as `code`."""

    name: str


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A repository on the hub and, if it was said, which of its files."""

    repository: str
    """`organisation/name`."""
    revision: str = DEFAULT_REVISION
    """A branch, a tag or a commit."""
    file: str = ""
    """Path inside the repository; empty: choose."""
    quantization: str = ""
    """In capitals, such as Q4_K_M; empty: choose."""


def parse(text: str, endpoint: str = "") -> CatalogueName | Reference:
    """`qwen3:4b`, `org/repo`, `org/repo:Q4_K_M`, `org/repo:file.gguf`, `hf://…` or the address of a page on the hub.

    Addresses may be of `endpoint`, a mirror, too. Raises INVALID_REQUEST for what is none of these, UNSUPPORTED for other places.
    """
    asked = text.strip()
    scheme = _SCHEME.fullmatch(asked)
    if scheme is None:
        host, _, rest = asked.partition("/")
        if host.lower() in HUB_HOSTS:
            return _place(rest, asked)
        return _place(asked, asked) if "/" in asked else _named(asked)
    if scheme[1].lower() == "hf":
        return _place(scheme[2].removeprefix("models/"), asked)
    address = urlsplit(asked)
    known = HUB_HOSTS | {(urlsplit(endpoint).hostname or "").lower()}
    if address.scheme.lower() not in {"http", "https"} or (address.hostname or "").lower() not in known:
        raise CrofterError(
            ErrorCode.UNSUPPORTED,
            f"{asked[:200]!r} is not on the Hugging Face hub: download it yourself and give the path of its .gguf file.",
            parameter="source",
        )
    # A mirror may live below a path of its own.
    path = address.path.removeprefix(urlsplit(endpoint).path.rstrip("/"))
    return _page(unquote(path).strip("/"), asked)


def checked_quantization(text: str) -> str:
    """A quantisation somebody asked for, in capitals. Raises INVALID_REQUEST."""
    if not _QUANTIZATION.fullmatch(text):
        raise _unclear(text, "a quantisation looks like Q4_K_M")
    return text.upper()


def _named(asked: str) -> CatalogueName:
    name = asked.lower().removesuffix(":latest")
    if not _NAME.fullmatch(name):
        raise _unclear(asked)
    return CatalogueName(name)


def _place(text: str, asked: str) -> Reference:
    """`org/repo[@revision][/file | :file | :quantisation]`."""
    organisation, _, rest = text.partition("/")
    found = re.match(r"[^@:/]*", rest)
    name = found[0] if found else ""
    rest = rest[len(name) :]
    revision = ""
    if rest.startswith("@"):
        # A branch may have a slash in it; then the file is given after a colon.
        stop = ":" if ":" in rest else "/"
        revision, mark, rest = rest[1:].partition(stop)
        rest = mark + rest
    mark, choice = rest[:1], rest[1:].rstrip("/")
    repository = _repository(f"{organisation}/{name}", asked)
    if mark == "/" or choice.lower().endswith(_FILE_SUFFIX):
        return _reference(repository, revision, choice, asked)
    if mark == ":" and not choice:
        raise _unclear(asked)
    quantization = checked_quantization(choice) if choice else ""
    reference = _reference(repository, revision, "", asked)
    return msgspec.structs.replace(reference, quantization=quantization)


def _page(path: str, asked: str) -> Reference:
    """`org/repo` or `org/repo/blob/revision/file` as in a browser's address bar."""
    parts = path.split("/")
    if parts[0] in _OTHER_KINDS:
        raise _unclear(asked, f"{_OTHER_KINDS[parts[0]]} are not models")
    repository = _repository("/".join(parts[:2]), asked)
    if len(parts) <= 3:
        return _reference(repository, "", "", asked)
    if parts[2] not in _VIEWS:
        raise _unclear(asked)
    return _reference(repository, parts[3], "/".join(parts[4:]), asked)


def _repository(text: str, asked: str) -> str:
    if not _REPOSITORY.fullmatch(text) or ".." in text:
        raise _unclear(asked)
    return text


def _reference(repository: str, revision: str, file: str, asked: str) -> Reference:
    if revision and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise _unclear(asked, f"{revision[:80]!r} cannot be a revision")
    if file and (not file.isprintable() or "\\" in file or {"", ".", ".."} & set(file.split("/"))):
        raise _unclear(asked, f"{file[:80]!r} cannot be a file of a repository")
    if file and not file.lower().endswith(_FILE_SUFFIX):
        raise CrofterError(
            ErrorCode.UNSUPPORTED, f"{file[:120]!r} is not a GGUF file, and Crofter runs GGUF only.", parameter="source"
        )
    return Reference(repository=repository, revision=revision or DEFAULT_REVISION, file=file)


def _unclear(asked: str, reason: str = "") -> CrofterError:
    because = f" ({reason})" if reason else ""
    return CrofterError(
        ErrorCode.INVALID_REQUEST,
        f"{asked[:200]!r} does not name a model{because}: write a name such as qwen3:4b, organisation/repository,"
        " organisation/repository:Q4_K_M, organisation/repository:file.gguf, or the path of a file.",
        parameter="source",
    )
