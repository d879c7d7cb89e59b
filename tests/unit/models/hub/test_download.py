"""Downloading from a server that behaves like the hub, and misbehaves like it."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub import journal
from crofter.models.hub.crew import Pace
from crofter.models.hub.journal import PartFile
from crofter.models.hub.ranges import merged, total
from tests.fake_hub import FakeFile, FakeHub, FakeRepository, Refusal
from tests.unit.models.hub.fetching import KIB, PACE, REPOSITORY, described, downloads, fetch, ignore, source

SIZE = 3_000_001
CONTENT = random.Random(0).randbytes(SIZE)
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(hub: FakeHub) -> FakeFile:
    hub.repositories[REPOSITORY] = FakeRepository({"m.gguf": FakeFile(CONTENT)})
    return hub.repositories[REPOSITORY].files["m.gguf"]


def code_of(action: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        action()
    return caught.value.code


def ranges_asked(hub: FakeHub) -> list[tuple[int, int]]:
    """What the content network was asked for, in bytes."""
    asked = [each.headers.get("range", "") for each in hub.requests("cdn", "GET")]
    spans = [each.removeprefix("bytes=").split("-") for each in asked if each]
    return [(int(start), int(stop) + 1) for start, stop in spans]


def done_in(folder: Path, file: FakeFile) -> list[tuple[int, int]]:
    identity = journal.Identity(content=file.sha256, size_bytes=SIZE, repository=REPOSITORY, file="m.gguf")
    part = PartFile(folder, file.sha256, identity)
    part.close()
    return part.done


def kept_so_far(folder: Path, file: FakeFile) -> int:
    """What another process has written down by now."""
    try:
        return total(journal._read((folder / f"{file.sha256}.journal").read_bytes())[1])
    except FileNotFoundError:
        return 0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("file")
def test_a_file_arrives_whole_over_several_connections_with_each_byte_asked_for_once(
    hub: FakeHub, tmp_path: Path
) -> None:
    together = threading.Barrier(PACE.connections, timeout=20)
    waited: set[int] = set()

    def all_at_once(_sent: int) -> None:
        me = threading.get_ident()
        if me not in waited:
            waited.add(me)
            together.wait()  # each connection's first block waits for the others' first

    hub.gate = all_at_once
    steps: list[tuple[int, int]] = []
    path = fetch(hub, tmp_path, lambda done, size: steps.append((done, size)))
    assert path.read_bytes() == CONTENT
    assert hub.most_open_bodies == PACE.connections
    assert merged(ranges_asked(hub)) == [(0, SIZE)]
    assert total(ranges_asked(hub)) == SIZE
    assert hub.sent_bytes == SIZE
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert {size for _, size in steps} == {SIZE}
    assert len(hub.requests("hub")) == 1, "the hub is asked once for all connections"
    connections = {each.headers["host"] for each in hub.requests("cdn")}
    assert connections == {hub.cdn.removeprefix("http://")}


@pytest.mark.usefixtures("file")
def test_the_token_goes_to_the_hub_and_to_nobody_else(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories[REPOSITORY].gated = "manual"
    hub.repositories[REPOSITORY].allowed_tokens = {"hf_secret"}
    fetch(hub, tmp_path, token="hf_secret")
    assert {each.headers.get("authorization") for each in hub.requests("hub")} == {"Bearer hf_secret"}
    assert hub.requests("cdn")
    assert all("hf_secret" not in str(each) for each in hub.requests("cdn"))


@pytest.mark.usefixtures("file")
def test_a_gated_file_is_said_to_be_one_with_and_without_a_token(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories[REPOSITORY].gated = "manual"
    assert code_of(lambda: fetch(hub, tmp_path)) is ErrorCode.MODEL_GATED
    assert code_of(lambda: fetch(hub, tmp_path, token="hf_other")) is ErrorCode.MODEL_GATED


@pytest.mark.usefixtures("file")
def test_broken_bodies_are_taken_up_where_they_broke(hub: FakeHub, tmp_path: Path) -> None:
    hub.truncations.extend([70_000, 0, 1, 100_000, 64 * KIB])
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.sent_bytes == SIZE, "what came before a break is not fetched again"


@pytest.mark.usefixtures("file")
def test_a_line_that_always_breaks_is_given_up_and_what_came_is_kept(
    hub: FakeHub, file: FakeFile, tmp_path: Path
) -> None:
    hub.truncations.extend([50_000] * 4 + [0] * 200)
    with pytest.raises(CrofterError, match="same command again") as caught:
        fetch(hub, tmp_path)
    assert caught.value.code is ErrorCode.HUB_UNREACHABLE
    came = hub.sent_bytes
    assert total(done_in(tmp_path, file)) == came == 200_000
    hub.truncations.clear()
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.sent_bytes == SIZE


@pytest.mark.usefixtures("file")
def test_a_killed_download_goes_on_and_fetches_nothing_finished_again(
    hub: FakeHub, file: FakeFile, tmp_path: Path
) -> None:
    half = threading.Event()
    go_on = threading.Event()

    def stop_in_the_middle(sent: int) -> None:
        if sent > SIZE // 2:
            half.set()
            go_on.wait(20)

    hub.gate = stop_in_the_middle
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.models.hub.fetching", hub.endpoint, str(tmp_path), str(SIZE), file.sha256],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", ".", *sys.path])},
    )
    assert half.wait(20)
    unkept = PACE.connections * PACE.keep_bytes
    wait_until(lambda: kept_so_far(tmp_path, file) >= SIZE // 2 - unkept)
    child.send_signal(signal.SIGKILL)
    child.wait(20)
    hub.gate = lambda sent: None
    go_on.set()
    kept = done_in(tmp_path, file)
    assert SIZE // 2 - unkept <= total(kept) < SIZE
    hub.seen.clear()
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    again = ranges_asked(hub)
    assert total(again) == SIZE - total(kept)
    assert total(merged([*again, *kept])) == total(again) + total(kept) == SIZE, "no kept byte is asked for again"


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), CrofterError(ErrorCode.CANCELLED, "no more")])
def test_an_interrupted_download_stops_at_once_and_loses_nothing(
    hub: FakeHub, file: FakeFile, tmp_path: Path, interruption: BaseException
) -> None:
    release = threading.Event()

    def hold(sent: int) -> None:
        if sent >= SIZE // 3:
            release.wait(20)

    hub.gate = hold

    def interrupt(done: int, _size: int) -> None:
        if done >= SIZE // 3:
            raise interruption

    with pytest.raises(type(interruption)):
        fetch(hub, tmp_path, interrupt)
    assert [each.name for each in threading.enumerate() if each.name.startswith("download")] == []
    kept = total(done_in(tmp_path, file))
    assert kept >= SIZE // 3, "also what a connection had not yet written down"
    release.set()
    hub.gate = lambda sent: None
    hub.seen.clear()
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert total(ranges_asked(hub)) == SIZE - kept


@pytest.mark.usefixtures("file")
def test_what_is_complete_is_not_asked_for_again(hub: FakeHub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub.seen.clear()
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.seen == []


def test_a_file_that_changed_on_the_hub_starts_anew_and_the_old_part_goes(
    hub: FakeHub, file: FakeFile, tmp_path: Path
) -> None:
    hub.truncations.extend([50_000] * 4 + [0] * 200)
    code_of(lambda: fetch(hub, tmp_path))
    hub.truncations.clear()
    changed = random.Random(1).randbytes(SIZE)
    hub.repositories[REPOSITORY].files["m.gguf"] = FakeFile(changed)
    hub.seen.clear()
    assert fetch(hub, tmp_path).read_bytes() == changed
    assert total(ranges_asked(hub)) == SIZE
    assert sorted(os.listdir(tmp_path)) == [
        f"{described(FakeFile(changed)).sha256}{end}" for end in (".journal", ".part")
    ]


def test_bytes_that_change_behind_the_same_address_are_noticed_by_their_tag(
    hub: FakeHub, file: FakeFile, tmp_path: Path
) -> None:
    hub.truncations.extend([50_000] * 4 + [0] * 200)
    code_of(lambda: fetch(hub, tmp_path))
    hub.truncations.clear()
    hub.tag = lambda file: '"another"'
    hub.seen.clear()
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.requests("cdn")[0].headers["if-range"] == f'"{file.sha256[:32]}"'
    assert merged(ranges_asked(hub)) == [(0, SIZE)]


@pytest.mark.usefixtures("file")
def test_a_network_that_tags_the_same_bytes_anew_each_time_still_delivers(hub: FakeHub, tmp_path: Path) -> None:
    count = iter(range(10**9))
    hub.tag = lambda file: f'"{next(count)}"'
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    hub.tag = lambda file: ""
    assert fetch(hub, tmp_path / "untagged").read_bytes() == CONTENT


def test_wrong_content_is_refused_and_deleted(hub: FakeHub, file: FakeFile, tmp_path: Path) -> None:
    file.served = CONTENT[:1_000_000] + b"\0" + CONTENT[1_000_001:]
    with pytest.raises(CrofterError, match="not what the hub says") as caught:
        fetch(hub, tmp_path)
    assert caught.value.code is ErrorCode.DOWNLOAD_DAMAGED
    assert caught.value.code.retryable
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("served", [CONTENT[:-1], CONTENT + b"x", b""])
def test_content_of_another_size_is_refused_at_once(
    hub: FakeHub, file: FakeFile, tmp_path: Path, served: bytes
) -> None:
    file.served = served
    assert code_of(lambda: fetch(hub, tmp_path)) is ErrorCode.DOWNLOAD_DAMAGED
    assert hub.sent_bytes <= PACE.connections * PACE.largest_bytes


@pytest.mark.parametrize("done_bytes", [0, 64 * KIB])
def test_a_mirror_with_pointers_instead_of_files_is_told(
    hub: FakeHub, file: FakeFile, tmp_path: Path, done_bytes: int
) -> None:
    hub.pointers = True
    identity = journal.Identity(content=file.sha256, size_bytes=SIZE, repository=REPOSITORY, file="m.gguf")
    part = PartFile(tmp_path, file.sha256, identity)
    part.write(CONTENT[:done_bytes], 0)
    part.keep((0, done_bytes))
    part.close()
    with pytest.raises(CrofterError, match="pointer"):
        fetch(hub, tmp_path)


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("ranges", [True, False])
def test_a_mirror_may_serve_the_bytes_itself_even_without_ranges(hub: FakeHub, tmp_path: Path, ranges: bool) -> None:
    hub.direct = True
    hub.ranges = ranges
    if not ranges:
        hub.truncations.extend([BIG] * PACE.connections + [100_000, 0])
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.requests("cdn") == []


BIG = 10**9


def test_a_small_file_in_git_is_checked_by_gits_hash(hub: FakeHub, file: FakeFile, tmp_path: Path) -> None:
    small = FakeFile(CONTENT[:100_000], lfs=False)
    hub.repositories[REPOSITORY].files["m.gguf"] = small
    assert fetch(hub, tmp_path).read_bytes() == small.content
    assert any("resolve-cache" in each.path for each in hub.requests("hub", "GET"))
    small.served = b"\0" + small.content[1:]
    assert code_of(lambda: fetch(hub, tmp_path / "other")) is ErrorCode.DOWNLOAD_DAMAGED


@pytest.mark.usefixtures("file")
def test_an_address_that_expired_is_asked_for_again(hub: FakeHub, tmp_path: Path) -> None:
    def expire(sent: int) -> None:
        if sent > SIZE // 2 and hub.signature == 1:
            hub.signature = 2

    hub.gate = expire
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert 2 <= len(hub.requests("hub", "HEAD")) <= 1 + PACE.connections


@pytest.mark.usefixtures("file")
def test_a_network_that_allows_fewer_connections_is_used_with_fewer(hub: FakeHub, tmp_path: Path) -> None:
    hub.refusals["cdn"].extend([Refusal(429, {"retry-after": "1"})] * 12)
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.sent_bytes == SIZE


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("server", ["hub", "cdn"])
def test_a_server_that_stays_busy_is_given_up_with_a_time_to_retry(hub: FakeHub, tmp_path: Path, server: str) -> None:
    hub.refusals[server].extend([Refusal(429, {"retry-after": "5"})] * 200)
    with pytest.raises(CrofterError) as caught:
        fetch(hub, tmp_path)
    assert (caught.value.code, caught.value.retry_after_seconds) == (ErrorCode.RATE_LIMITED, 5.0)


@pytest.mark.usefixtures("file")
def test_a_file_is_fetched_by_one_at_a_time(hub: FakeHub, tmp_path: Path) -> None:
    file = described(hub.repositories[REPOSITORY].files["m.gguf"])
    work = downloads(tmp_path)
    codes: list[ErrorCode] = []

    def second(_done: int, _size: int) -> None:
        if not codes:
            codes.append(code_of(lambda: work.fetch(file, source(hub.endpoint, file), REPOSITORY, ignore)))

    work.fetch(file, source(hub.endpoint, file), REPOSITORY, second)
    assert codes == [ErrorCode.CONFLICT]


def test_a_file_without_any_hash_is_not_fetched(hub: FakeHub, file: FakeFile, tmp_path: Path) -> None:
    unknown = described(file)
    unknown = type(unknown)(path=unknown.path, size_bytes=unknown.size_bytes)
    place = source(hub.endpoint, unknown)
    assert code_of(lambda: downloads(tmp_path).fetch(unknown, place, REPOSITORY, ignore)) is ErrorCode.DOWNLOAD_DAMAGED
    assert hub.seen == []


@pytest.mark.usefixtures("file")
def test_one_connection_is_enough(hub: FakeHub, tmp_path: Path) -> None:
    assert fetch(hub, tmp_path, pace=Pace(connections=1)).read_bytes() == CONTENT
    assert hub.most_open_bodies == 1


@pytest.mark.usefixtures("file")
def test_a_full_disk_stops_it_with_its_own_error(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_allocate", os.ftruncate)

    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "pwrite", full)
        assert code_of(lambda: fetch(hub, tmp_path)) is ErrorCode.DISK_FULL
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
