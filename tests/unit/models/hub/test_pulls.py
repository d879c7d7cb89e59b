"""From a wish to an installed model."""

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gguf
import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models import HubPulls, HubSettings, InstalledModel, ModelRegistry, Offer, Wish
from crofter.models.hub.catalogue import CatalogueEntry
from crofter.models.hub.pulls import FOLDER
from crofter.store import Database, ModelRecords, OriginRecords
from tests.fake_hub import COMMIT, FakeFile, FakeHub, FakeRepository, Refusal
from tests.gguf_files import write_tiny_llama
from tests.projector_files import write_tiny_projector
from tests.unit.models.identity import content_of

MEMORY = 16 * 10**9
REPOSITORY = "org/Tiny-GGUF"


class Report:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.offers: list[Offer] = []
        self.steps: list[tuple[str, int, int]] = []

    def __call__(self, done_bytes: int, total_bytes: int) -> None:
        self.steps.append((self.stages[-1], done_bytes, total_bytes))

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def offered(self, offer: Offer) -> None:
        self.offers.append(offer)


class Place(NamedTuple):
    """A home with its hub."""

    pulls: HubPulls
    registry: ModelRegistry
    hub: FakeHub
    folder: Path

    def pull(self, source: str = REPOSITORY, report: Report | None = None, **wish: object) -> InstalledModel:
        asked = msgspec.convert({"source": source, "endpoint": self.hub.endpoint, **wish}, Wish)
        return self.pulls.pull(asked, MEMORY, report or Report())

    def files(self) -> list[str]:
        """The models' folders, and every file of a download."""
        found = [path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file()]
        return sorted({str(path) if path.parts[0] == FOLDER else path.parts[0] for path in found})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Three models that differ, the second the largest; and one split into parts."""
    folder = tmp_path_factory.mktemp("models")

    def content(name: str, seed: int, layers: int) -> bytes:
        return write_tiny_llama(folder / f"{name}.gguf", seed=seed, layers=layers, name=f"Own {name}").read_bytes()

    return {"Q4_K_M": content("a", 1, 2), "Q8_0": content("b", 2, 3), "Q2_K": content("c", 3, 1)}


@pytest.fixture
def place(tmp_path: Path, hub: FakeHub, models: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Place:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    files = {f"Tiny-{label}.gguf": FakeFile(content) for label, content in models.items()}
    hub.repositories[REPOSITORY] = FakeRepository({**files, "README.md": FakeFile(b"words", lfs=False)})
    database = Database.open(tmp_path / "node.db", bytes(32))
    folder = tmp_path / "models"
    registry = ModelRegistry(ModelRecords(database), folder, embedded_path=tmp_path / "none.gguf")
    pulls = HubPulls(registry, OriginRecords(database), HubSettings(), folder, "1.0")
    pulls.pause = lambda seconds: None
    pulls.entries = [entry("tiny:1b", pinned=hub.repositories[REPOSITORY].files["Tiny-Q4_K_M.gguf"].sha256)]
    return Place(pulls, registry, hub, folder)


def entry(
    name: str,
    *,
    pinned: str = "",
    license: str = "apache-2.0",  # noqa: A002 - its field
    projector: str = "",
) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        task="chat",
        from_memory_gb=1,
        about="for tests",
        repository=REPOSITORY,
        files="Tiny-*.gguf",
        projector=projector,
        quantization="Q4_K_M",
        size_bytes=1000,
        license=license,
        sha256={"Tiny-Q4_K_M.gguf": pinned} if pinned else {},
    )


def assert_content(model: InstalledModel, expected: bytes) -> None:
    """The installed files hold what the file on the hub does."""
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(expected)
        file.flush()
        assert content_of(model.file.path) == model.file.model_id == content_of(Path(file.name))


def code_of(action: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as caught:
        action()
    return caught.value.code


def test_a_model_of_the_catalogue_is_fetched_checked_and_registered_under_its_name(
    place: Place, models: dict[str, bytes]
) -> None:
    report = Report()
    model = place.pull("tiny:1b", report, quantization="q4_k_m")
    assert model.name == "tiny:1b-q4_k_m"
    assert_content(model, models["Q4_K_M"])
    assert report.stages == ["choosing", "downloading", "verifying", "installing"]
    (offer,) = report.offers
    assert (offer.repository, offer.revision, offer.files) == (REPOSITORY, COMMIT, ("Tiny-Q4_K_M.gguf",))
    assert (offer.license, offer.consent, offer.pinned) == ("apache-2.0", "", True)
    assert offer.reason.startswith("Q4_K_M (")
    stage, done_bytes, total_bytes = report.steps[-1]
    assert (stage, done_bytes) == ("installing", total_bytes)
    origin = place.pulls.origin(model.file.model_id)
    assert origin is not None
    assert (origin.repository, origin.revision, origin.sha256) == (
        REPOSITORY,
        COMMIT,
        (place.hub.repositories[REPOSITORY].files["Tiny-Q4_K_M.gguf"].sha256,),
    )
    assert place.files() == [model.file.model_id], "moved, nothing left behind"


def test_the_machine_decides_where_nobody_did(place: Place) -> None:
    report = Report()
    model = place.pull("tiny:1b", report)
    assert model.name == "tiny:1b"
    assert report.offers[0].quantization == "Q8_0"
    assert "ample" in report.offers[0].reason
    assert not report.offers[0].pinned


@pytest.mark.parametrize(
    ("source", "quantization", "name"),
    [
        (REPOSITORY, "Q8_0", "tiny"),
        (f"{REPOSITORY}:q2_k", "Q2_K", "tiny:q2_k"),
        (f"hf://{REPOSITORY}/Tiny-Q4_K_M.gguf", "Q4_K_M", "tiny:q4_k_m"),
        (f"{REPOSITORY}@{COMMIT}:Q2_K", "Q2_K", "tiny:q2_k"),
    ],
)
def test_places_on_the_hub_are_pulled_and_named_after_themselves(
    place: Place, source: str, quantization: str, name: str, models: dict[str, bytes]
) -> None:
    model = place.pull(source)
    assert model.name == name
    assert_content(model, models[quantization])


def test_what_is_installed_causes_no_request_and_works_offline(place: Place) -> None:
    first = place.pull(f"{REPOSITORY}:Q4_K_M")
    named = place.pull("tiny:1b")
    place.hub.seen.clear()
    assert place.pull(f"{REPOSITORY}:q4_k_m", offline=True) == first
    assert place.pull(f"hf://{REPOSITORY}/Tiny-Q4_K_M.gguf", offline=True) == first
    assert place.pull("tiny:1b", offline=True).file == named.file
    assert place.pull(f"{REPOSITORY}:Q4_K_M", name="again", offline=True).file.path == first.file.path
    assert place.hub.seen == []
    assert code_of(lambda: place.pull(f"{REPOSITORY}:Q2_K", offline=True)) is ErrorCode.OFFLINE
    assert place.hub.seen == []


def test_settings_may_forbid_the_network(place: Place) -> None:
    place.pulls.settings = HubSettings(offline=True)
    assert code_of(place.pull) is ErrorCode.OFFLINE
    assert place.hub.seen == []


def test_a_removed_model_is_fetched_again(place: Place) -> None:
    place.registry.remove(place.pull().name)
    assert place.files() == []
    place.pull()
    assert len(place.files()) == 1


@pytest.mark.parametrize("license_id", ["llama3.1", "", "other"])
def test_terms_that_restrict_wait_for_the_owner(place: Place, license_id: str) -> None:
    place.hub.repositories[REPOSITORY].license = license_id
    report = Report()
    with pytest.raises(CrofterError, match=r"Nothing was downloaded.*--yes") as caught:
        place.pull(report=report)
    assert caught.value.code is ErrorCode.LICENSE_NOT_ACCEPTED
    assert report.offers[0].license == license_id
    assert place.hub.requests("cdn") == []
    assert place.files() == []
    assert place.pull(accept_license=True).name == "tiny"


def test_a_gated_model_wants_consent_and_a_token(place: Place) -> None:
    repository = place.hub.repositories[REPOSITORY]
    repository.gated, repository.allowed_tokens = "manual", {"hf_secret"}
    assert code_of(place.pull) is ErrorCode.LICENSE_NOT_ACCEPTED
    assert code_of(lambda: place.pull(accept_license=True)) is ErrorCode.MODEL_GATED
    assert place.pull(accept_license=True, token="hf_secret").name == "tiny"
    assert all("hf_secret" not in str(each) for each in place.hub.requests("cdn"))


def test_a_catalogue_model_whose_licence_changed_is_put_before_the_owner(place: Place) -> None:
    place.pulls.entries = [entry("tiny:1b", license="mit")]
    with pytest.raises(CrofterError, match="was 'mit'"):
        place.pull("tiny:1b")


def test_content_that_the_catalogue_does_not_know_is_refused_before_it_is_fetched(place: Place) -> None:
    place.pulls.entries = [entry("tiny:1b", pinned="0" * 64)]
    assert code_of(lambda: place.pull("tiny:1b", quantization="Q4_K_M")) is ErrorCode.DOWNLOAD_DAMAGED
    assert place.hub.requests("cdn") == []


def test_a_name_that_is_taken_is_refused_before_it_is_fetched(place: Place) -> None:
    place.pull(name="mine")
    assert code_of(lambda: place.pull(f"{REPOSITORY}:Q2_K", name="mine")) is ErrorCode.CONFLICT
    assert len(place.files()) == 1


def test_too_little_disk_is_said_before_the_first_byte(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 10_000

    monkeypatch.setattr(shutil, "disk_usage", lambda path: Full)
    assert code_of(place.pull) is ErrorCode.DISK_FULL
    assert place.hub.requests("cdn") == []
    assert place.files() == []


def test_an_interrupted_pull_registers_nothing_and_the_next_one_goes_on(place: Place, models: dict[str, bytes]) -> None:
    class Impatient(Report):
        def __call__(self, done_bytes: int, total_bytes: int) -> None:
            if self.stages[-1] == "downloading" and done_bytes:
                raise CrofterError(ErrorCode.CANCELLED, "no more")

    size = len(models["Q8_0"])
    place.hub.truncations.extend([size // 2, 0])
    assert code_of(lambda: place.pull(report=Impatient())) is ErrorCode.CANCELLED
    assert place.registry.installed() == []
    assert all(name.startswith(".downloads/") for name in place.files())
    place.registry.tidy()
    assert place.registry.installed() == []
    sent = place.hub.sent_bytes
    assert 0 < sent < size
    place.hub.truncations.clear()
    assert place.pull().name == "tiny"
    assert place.hub.sent_bytes == size


def test_a_pull_can_be_stopped_while_it_waits_for_a_busy_hub(place: Place) -> None:
    class Impatient(Report):
        def __call__(self, done_bytes: int, total_bytes: int) -> None:
            if pauses:
                raise CrofterError(ErrorCode.CANCELLED, "no more")

    pauses: list[float] = []
    place.pulls.pause = pauses.append
    place.hub.refusals["hub"].extend([Refusal(429, {"retry-after": "50"})] * 9)
    assert code_of(lambda: place.pull(report=Impatient())) is ErrorCode.CANCELLED
    assert pauses == [0.2]


def test_a_pull_stopped_while_installing_needs_no_byte_again(place: Place) -> None:
    class Impatient(Report):
        def __call__(self, done_bytes: int, total_bytes: int) -> None:
            if self.stages[-1] == "installing":
                raise CrofterError(ErrorCode.CANCELLED, "no more")

    assert code_of(lambda: place.pull(report=Impatient())) is ErrorCode.CANCELLED
    assert place.registry.installed() == []
    sent = place.hub.sent_bytes
    assert place.pull().name == "tiny"
    assert place.hub.sent_bytes == sent


def test_damaged_content_registers_nothing(place: Place, models: dict[str, bytes]) -> None:
    file = place.hub.repositories[REPOSITORY].files["Tiny-Q8_0.gguf"]
    file.served = bytes(len(models["Q8_0"]))
    assert code_of(place.pull) is ErrorCode.DOWNLOAD_DAMAGED
    assert place.registry.installed() == []
    assert place.files() == []


def test_what_is_no_model_is_refused_and_not_kept(place: Place) -> None:
    place.hub.repositories["org/bad"] = FakeRepository({"bad-Q4_K_M.gguf": FakeFile(b"GGUF" + bytes(5000))})
    assert code_of(lambda: place.pull("org/bad")) is ErrorCode.MODEL_INVALID
    assert place.files() == []


def test_a_split_model_is_the_same_as_the_whole_one(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_tiny_llama(tmp_path / "whole.gguf", seed=9)
    (tmp_path / "split").mkdir()
    monkeypatch.setattr(gguf, "GGUFWriter", functools.partial(gguf.GGUFWriter, split_max_tensors=8))
    write_tiny_llama(tmp_path / "split" / "big-Q4_K_M.gguf", seed=9)
    parts = {
        f"Q4_K_M/{name}": FakeFile((tmp_path / "split" / name).read_bytes()) for name in os.listdir(tmp_path / "split")
    }
    place.hub.repositories["org/Big-GGUF"] = FakeRepository(parts)
    report = Report()
    model = place.pull("org/Big-GGUF", report)
    assert model.name == "big"
    assert model.file.model_id == content_of(whole) == content_of(model.file.path)
    assert {path.split("/")[0] for path in place.files()} == {model.file.model_id}
    done = [step for step in report.steps if step[0] == "downloading"]
    assert done[-1][1] == done[-1][2] == sum(len(part.content) for part in parts.values())


def test_what_is_adopted_and_cannot_be_registered_stays_for_the_next_attempt(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ModelRecords, *of: object) -> None:
        raise CrofterError(ErrorCode.DISK_FULL, "No room.")

    with monkeypatch.context() as patch:
        patch.setattr(ModelRecords, "register", full)
        assert code_of(place.pull) is ErrorCode.DISK_FULL
    assert place.registry.installed() == []
    sent = place.hub.sent_bytes
    assert place.pull().name == "tiny"
    assert place.hub.sent_bytes == sent


def test_a_model_whose_registration_was_killed_is_there_with_its_origin(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(self: ModelRecords, *of: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ModelRecords, "register", die)
        with pytest.raises(Killed):
            place.pull()
    place.registry.tidy()
    (model,) = place.registry.installed()
    origin = place.pulls.origin(model.file.model_id)
    assert origin is not None
    assert origin.repository == REPOSITORY


def test_the_same_content_under_two_names_is_stored_once(place: Place) -> None:
    place.hub.repositories["other/Copy-GGUF"] = place.hub.repositories[REPOSITORY]
    one = place.pull()
    two = place.pull("other/Copy-GGUF")
    assert one.file.path == two.file.path
    assert (one.name, two.name) == ("tiny", "copy")
    assert len(place.files()) == 1


def test_a_question_that_contradicts_itself_is_refused(place: Place) -> None:
    assert code_of(lambda: place.pull(f"{REPOSITORY}:Q8_0", quantization="Q2_K")) is ErrorCode.INVALID_REQUEST
    assert code_of(lambda: place.pull("nonesuch")) is ErrorCode.MODEL_NOT_FOUND
    assert place.hub.seen == []


@pytest.fixture
def eyes(place: Place, tmp_path: Path) -> bytes:
    """A vision part beside the models of the repository, in two precisions."""
    content = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp").read_bytes()
    repository = place.hub.repositories[REPOSITORY]
    repository.files["mmproj-Tiny-F32.gguf"] = FakeFile(content + b"\0")
    repository.files["mmproj-Tiny-F16.gguf"] = FakeFile(content)
    return content


def test_a_models_vision_part_comes_with_it(place: Place, eyes: bytes) -> None:
    report = Report()
    model = place.pull(REPOSITORY, report, quantization="q4_k_m")
    (offer,) = report.offers
    assert offer.files == ("Tiny-Q4_K_M.gguf", "mmproj-Tiny-F16.gguf")
    assert offer.size_bytes == sum(len(place.hub.repositories[REPOSITORY].files[name].content) for name in offer.files)
    assert "vision" in model.facts.capabilities
    assert model.projector is not None
    assert model.projector.read_bytes() == eyes
    assert place.files() == [model.file.model_id], "moved beside the model, nothing left behind"
    origin = place.pulls.origin(model.file.model_id)
    assert origin is not None
    assert origin.files == offer.files


def test_a_catalogue_model_brings_the_vision_part_that_is_named_there(place: Place, eyes: bytes) -> None:
    place.pulls.entries = [entry("tiny:1b", projector="mmproj-Tiny-F32.gguf")]
    model = place.pull("tiny:1b")
    assert model.projector is not None
    assert model.projector.read_bytes() == eyes + b"\0"
    assert "vision" in model.facts.capabilities


def test_a_catalogue_model_whose_vision_part_is_gone_is_refused_before_it_is_fetched(place: Place) -> None:
    place.pulls.entries = [entry("tiny:1b", projector="mmproj-Tiny-F16.gguf")]
    assert code_of(lambda: place.pull("tiny:1b")) is ErrorCode.DOWNLOAD_DAMAGED
    assert place.hub.requests("cdn") == []


def test_a_model_that_was_there_without_it_gains_its_vision_part(
    place: Place, eyes: bytes, models: dict[str, bytes], tmp_path: Path
) -> None:
    blind = tmp_path / "blind.gguf"
    blind.write_bytes(models["Q4_K_M"])
    assert place.registry.add(str(blind), "mine", lambda _done, _total: None).projector is None
    model = place.pull(REPOSITORY, quantization="q4_k_m")
    assert "vision" in model.facts.capabilities
    assert place.registry.resolve("mine").projector == model.projector
    assert place.files() == [model.file.model_id]


def test_an_interrupted_pull_is_finished_with_its_vision_part(
    place: Place, eyes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crofter.models.storage.installation.write_group_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        place.pull(REPOSITORY, quantization="q4_k_m")
    monkeypatch.undo()
    place.registry.finish()
    (model,) = place.registry.installed()
    assert model.projector is not None
    assert model.projector.read_bytes() == eyes
