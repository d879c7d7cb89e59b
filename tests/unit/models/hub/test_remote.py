"""Tensors of a model on the hub, by ranges: found by name, read with patience, and never where it is not allowed."""

from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models import HubPlace, HubSettings, HubTensors, Origin, RemoteModel, read_header
from crofter.models.gguf.header import Header
from crofter.models.hub import remote
from crofter.models.hub.client import Access, HubClient
from crofter.models.hub.connection import READ_BYTES
from crofter.models.storage.manifest import TensorEntry, groups_of, manifest_of
from crofter.models.storage.shards import write_group_shard, write_metadata_shard
from crofter.store import read_range
from tests.fake_hub import COMMIT, FakeFile, FakeHub, FakeRepository, Refusal
from tests.gguf_files import write_tiny_llama
from tests.unit.models.hub.fetching import REPOSITORY

MODEL = ModelId("0" * 64)
PLACE = HubPlace(repository=REPOSITORY, revision=COMMIT, files=("m.gguf",))


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def header(tmp_path: Path, hub: FakeHub) -> Header:
    """Of a model that is on the hub."""
    path = write_tiny_llama(tmp_path / "m.gguf", hidden=256, layers=6)
    hub.repositories[REPOSITORY] = FakeRepository({"m.gguf": FakeFile(path.read_bytes())})
    return read_header(path)


def opened(hub: FakeHub, place: HubPlace = PLACE) -> RemoteModel:
    return RemoteModel(HubClient(Access(endpoint=hub.endpoint, anonymous=True), "test"), place)


def entry(header: Header, name: str) -> TensorEntry:
    manifest = manifest_of(header, lambda _done, _total: None)
    return next(each for each in manifest.tensors if each.name == name)


def data(header: Header, name: str) -> bytes:
    tensor = next(each for each in header.tensors if each.name == name)
    return b"".join(read_range(header.path, tensor.offset, tensor.size_bytes))


def read(model: RemoteModel, wanted: TensorEntry, start: int = 0) -> bytes:
    taken: list[bytes] = []
    with closing(model.line()) as line:
        line.read(wanted, start, taken.append, lambda _seconds: None)
    return b"".join(taken)


def code_of(action: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        action()
    return caught.value.code


def test_tensors_come_alone_and_as_they_are(hub: FakeHub, header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_FIRST_HEADER_BYTES", 1 << 10)
    model = opened(hub)
    for name in ("blk.2.attn_q.weight", "output_norm.weight", "blk.5.ffn_up.weight"):
        assert read(model, entry(header, name)) == data(header, name)
    assert read(model, entry(header, "blk.2.attn_q.weight"), 1000) == data(header, "blk.2.attn_q.weight")[1000:]
    assert hub.sent_bytes < header.size_bytes // 2
    assert all("range" in each.headers for each in hub.requests("cdn", "GET"))


def test_a_header_is_read_no_further_than_it_goes(
    hub: FakeHub, header: Header, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt goes on where the one before ended."""
    monkeypatch.setattr(remote, "_FIRST_HEADER_BYTES", 100)
    read(opened(hub), entry(header, "output_norm.weight"))
    spans = [each.headers["range"].removeprefix("bytes=") for each in hub.requests("cdn", "GET")]
    ranges = [(int(start), int(stop) + 1) for start, stop in (span.split("-") for span in spans)]
    headers = ranges[:-1]
    assert headers[0] == (0, 100)
    assert all(one[1] == other[0] for one, other in pairwise(headers))
    assert headers[-2][1] < min(tensor.offset for tensor in header.tensors) <= headers[-1][1]


def test_a_model_of_several_files_is_one(hub: FakeHub, header: Header, tmp_path: Path) -> None:
    groups = groups_of(manifest_of(header, lambda _done, _total: None))
    count = len(header.tensors)
    write_metadata_shard(header.path, tmp_path / "0.gguf", count, len(groups) + 1)
    files = {"0.gguf": FakeFile((tmp_path / "0.gguf").read_bytes())}
    for number, group in enumerate(groups, start=1):
        path = tmp_path / f"{number}.gguf"
        write_group_shard(group, number, header, path, lambda _bytes: None)
        files[path.name] = FakeFile(path.read_bytes())
    hub.repositories[REPOSITORY] = FakeRepository(files)
    model = opened(hub, msgspec.structs.replace(PLACE, files=tuple(files)))
    for name in ("blk.3.attn_v.weight", "token_embd.weight"):
        assert read(model, entry(header, name)) == data(header, name)


def test_broken_lines_and_busy_servers_are_waited_for(hub: FakeHub, header: Header) -> None:
    model, name = opened(hub), "blk.1.ffn_down.weight"
    read(model, entry(header, "output_norm.weight"))
    hub.truncations.extend([READ_BYTES // 4, 10])
    hub.refusals["cdn"].append(Refusal(503))
    pauses: list[float] = []
    taken: list[bytes] = []
    with closing(model.line()) as line:
        line.read(entry(header, name), 0, taken.append, pauses.append)
    assert b"".join(taken) == data(header, name)
    assert len(pauses) == 3


def test_a_hub_that_fails_for_good_is_given_up(hub: FakeHub, header: Header) -> None:
    model = opened(hub)
    wanted = entry(header, "output_norm.weight")
    read(model, wanted)
    hub.refusals["cdn"].extend([Refusal(503)] * 20)
    assert code_of(lambda: read(model, wanted)) is ErrorCode.HUB_UNREACHABLE


def test_another_model_than_the_one_that_is_meant_is_refused(hub: FakeHub, header: Header) -> None:
    wanted = entry(header, "blk.0.attn_q.weight")
    model = opened(hub)
    for other in (
        msgspec.structs.replace(wanted, name="blk.77.attn_q.weight"),
        msgspec.structs.replace(wanted, shape=(wanted.shape[0], 1)),
        msgspec.structs.replace(wanted, type="Q4_0"),
    ):
        assert code_of(lambda other=other: read(model, other)) is ErrorCode.DOWNLOAD_DAMAGED
    gone = msgspec.structs.replace(PLACE, files=("other.gguf",))
    assert code_of(lambda: read(opened(hub, gone), wanted)) is ErrorCode.DOWNLOAD_DAMAGED


def test_what_is_no_model_is_refused(hub: FakeHub, header: Header) -> None:
    hub.repositories[REPOSITORY].files["m.gguf"] = FakeFile(b"GGUF" + bytes(5000))
    assert code_of(lambda: read(opened(hub), entry(header, "output_norm.weight"))) is ErrorCode.MODEL_INVALID


def test_a_hub_that_sends_whole_files_only_is_of_no_use(hub: FakeHub, header: Header) -> None:
    hub.ranges = False
    assert code_of(lambda: read(opened(hub), entry(header, "output_norm.weight"))) is ErrorCode.DOWNLOAD_DAMAGED


def test_no_token_is_shown_for_what_another_asks(hub: FakeHub, header: Header, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    read(opened(hub), entry(header, "output_norm.weight"))
    assert hub.requests("hub")
    assert not any("authorization" in each.headers for each in hub.seen)


@pytest.mark.parametrize(
    ("repository", "file"),
    [("../up", "m.gguf"), ("org/model-GGUF", "../m.gguf"), ("org/model-GGUF", "secrets.txt"), ("http://x/y", "m.gguf")],
)
def test_a_peer_cannot_name_other_places(hub: FakeHub, header: Header, repository: str, file: str) -> None:
    place = HubPlace(repository=repository, revision=COMMIT, files=(file,))
    with pytest.raises(CrofterError):
        read(opened(hub, place), entry(header, "output_norm.weight"))
    assert not hub.seen


def origin(_: ModelId) -> Origin:
    return Origin(
        repository=REPOSITORY,
        revision=COMMIT,
        files=("m.gguf",),
        sha256=("",),
        quantization="F32",
        license="",
        endpoint="http://mirror.example",
        pulled_at=0.0,
    )


def test_places_are_told_and_opened_as_the_owner_allows() -> None:
    settings, allowed = HubSettings(), True
    tensors = HubTensors(origin, lambda: settings, lambda: allowed, "test")
    assert tensors.place(MODEL) == PLACE
    assert tensors.model(PLACE) is not None
    settings = HubSettings(offline=True)
    assert tensors.model(PLACE) is None
    settings, allowed = HubSettings(), False
    assert tensors.model(PLACE) is None


def test_models_that_came_from_no_hub_have_no_place() -> None:
    def made_here(model_id: ModelId) -> Origin:
        return msgspec.structs.replace(origin(model_id), repository="", revision="", files=(), made_from="big")

    for known in (made_here, lambda _: None):
        assert HubTensors(known, HubSettings, lambda: True, "test").place(MODEL) is None
