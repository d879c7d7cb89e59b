import socket
import ssl
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub.client import Access, HubClient
from crofter.models.hub.faults import TransientError, refused, retry_after, unreachable
from crofter.models.hub.reference import Reference
from tests.fake_hub import COMMIT, FakeFile, FakeHub, FakeRepository, Refusal

REFERENCE = Reference(repository="org/model-GGUF")


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def client(hub: FakeHub, *, token: str = "", offline: bool = False, pauses: list[float] | None = None) -> HubClient:
    access = Access(endpoint=hub.endpoint, token=token, offline=offline)
    return HubClient(access, "1.0", (pauses if pauses is not None else []).append)


def error_of(hub: FakeHub, reference: Reference = REFERENCE) -> CrofterError:
    with pytest.raises(CrofterError) as caught:
        client(hub).repository(reference)
    return caught.value


def test_a_repository_comes_with_sizes_hashes_commit_and_licence(hub: FakeHub) -> None:
    repository = hub.add("org/model-GGUF", m__gguf=b"content", README__md=b"words")
    found = client(hub).repository(REFERENCE)
    assert (found.name, found.commit, found.license, found.gated) == ("org/model-GGUF", COMMIT, "apache-2.0", False)
    assert [file.path for file in found.files] == ["m.gguf", "README.md"]
    assert found.files[0].sha256 == repository.files["m.gguf"].sha256
    assert found.files[0].size_bytes == 7
    assert client(hub).address(found, found.files[0]) == f"{hub.endpoint}/org/model-GGUF/resolve/{COMMIT}/m.gguf"


def test_a_small_file_in_git_has_gits_own_hash(hub: FakeHub) -> None:
    hub.repositories["org/model-GGUF"] = FakeRepository({"m.gguf": FakeFile(b"x", lfs=False)})
    (file,) = client(hub).repository(REFERENCE).files
    assert file.sha256 == ""
    assert file.content == f"git-{file.blob_id}"


@pytest.mark.parametrize(
    ("license_id", "card", "shown"),
    [
        ("other", {"license_name": "qwen-research", "license_link": "https://x.example"}, "qwen-research"),
        ("other", {}, "other"),
        ("llama3.1", {}, "llama3.1"),
        ("", {}, ""),
    ],
)
def test_the_licence_is_the_one_that_is_stated(hub: FakeHub, license_id: str, card: dict[str, str], shown: str) -> None:
    hub.add("org/model-GGUF", m__gguf=b"x").license = license_id
    hub.repositories["org/model-GGUF"].card = dict(card)
    found = client(hub).repository(REFERENCE)
    assert found.license == shown
    assert found.license_link == card.get("license_link", "")


def test_a_renamed_repository_is_followed(hub: FakeHub) -> None:
    hub.add("new/model-GGUF", m__gguf=b"x")
    hub.moved["org/model-GGUF"] = "new/model-GGUF"
    assert client(hub).repository(REFERENCE).name == "new/model-GGUF"


def test_requests_carry_the_token_and_nothing_about_this_computer(hub: FakeHub) -> None:
    hub.add("org/model-GGUF", m__gguf=b"x")
    client(hub, token="hf_secret").repository(REFERENCE)
    client(hub).repository(REFERENCE)
    one, two = hub.requests("hub")
    assert one.headers["authorization"] == "Bearer hf_secret"
    assert "authorization" not in two.headers
    assert one.headers["user-agent"].startswith("crofter/1.0; hf_hub/")
    assert "agent/" not in one.headers["user-agent"]
    assert [each.path.split("?")[0] for each in hub.seen] == ["/api/models/org/model-GGUF/revision/main"] * 2


def test_the_token_of_the_environment_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/model-GGUF", m__gguf=b"x")
    monkeypatch.setenv("HF_TOKEN", "hf_environment")
    assert client(hub).headers()["authorization"] == "Bearer hf_environment"
    assert client(hub, token="hf_own").headers()["authorization"] == "Bearer hf_own"


def test_offline_asks_nothing_and_says_so(hub: FakeHub) -> None:
    with pytest.raises(CrofterError, match="CROFTER_OFFLINE") as caught:
        client(hub, offline=True).repository(REFERENCE)
    assert caught.value.code is ErrorCode.OFFLINE
    assert hub.seen == []


def test_what_is_not_there_is_said(hub: FakeHub) -> None:
    assert error_of(hub).code is ErrorCode.MODEL_NOT_FOUND
    hub.add("org/model-GGUF", m__gguf=b"x")
    error = error_of(hub, Reference(repository="org/model-GGUF", revision="v9"))
    assert error.code is ErrorCode.MODEL_NOT_FOUND
    assert "revision" in error.message
    assert error_of(hub, Reference(repository="org/bad--name")).code is ErrorCode.INVALID_REQUEST


def test_a_busy_hub_is_asked_again_as_it_wishes(hub: FakeHub) -> None:
    hub.add("org/model-GGUF", m__gguf=b"x")
    hub.refusals["hub"].extend(
        [Refusal(429, {"retry-after": "7"}), Refusal(503), Refusal(429, {"ratelimit": '"api";r=0;t=9'})]
    )
    pauses: list[float] = []
    client(hub, pauses=pauses).repository(REFERENCE)
    assert pauses == [7.0, 1.0, 9.0]


def test_a_hub_that_wants_too_much_patience_gets_the_owners_decision(hub: FakeHub) -> None:
    hub.refusals["hub"].append(Refusal(429, {"retry-after": "300"}))
    error = error_of(hub)
    assert (error.code, error.retry_after_seconds) == (ErrorCode.RATE_LIMITED, 300.0)


def test_a_hub_that_stays_broken_is_given_up(hub: FakeHub) -> None:
    hub.refusals["hub"].extend([Refusal(502)] * 20)
    pauses: list[float] = []
    with pytest.raises(CrofterError, match="502") as caught:
        client(hub, pauses=pauses).repository(REFERENCE)
    assert caught.value.code is ErrorCode.HUB_UNREACHABLE
    assert pauses == [0.5, 1.0, 2.0]


def test_a_hub_that_is_not_there_is_said_by_name() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CrofterError, match="accepts no connection") as caught:
            HubClient(Access(endpoint=place), "1", lambda seconds: None).repository(REFERENCE)
    assert caught.value.code is ErrorCode.HUB_UNREACHABLE


def test_something_else_at_that_address_is_not_taken_for_a_hub(hub: FakeHub) -> None:
    hub.add("org/model-GGUF", m__gguf=b"x").commit = "not a commit"
    assert "does not answer like" in error_of(hub).message
    hub.refusals["hub"].append(Refusal(200))
    assert "does not answer like" in error_of(hub).message


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        (401, {"x-error-code": "GatedRepo"}, ErrorCode.MODEL_GATED),
        (403, {"x-error-message": "Access to model x is gated"}, ErrorCode.MODEL_GATED),
        (401, {}, ErrorCode.MODEL_NOT_FOUND),
        (404, {"x-error-code": "EntryNotFound"}, ErrorCode.MODEL_NOT_FOUND),
        (403, {}, ErrorCode.FORBIDDEN),
        (451, {}, ErrorCode.HUB_UNREACHABLE),
    ],
)
def test_a_refusal_becomes_an_error_that_says_what_to_do(status: int, headers: dict[str, str], code: ErrorCode) -> None:
    error = refused(status, headers, "org/model", "https://hub.example/x")
    assert isinstance(error, CrofterError)
    assert error.code is code
    assert "org/model" in error.message


def test_the_wait_may_be_a_date() -> None:
    assert retry_after({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, now=1767225600.0) == 60.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


def test_failed_connections_tell_names_certificates_and_silence_apart() -> None:
    url = "https://hub.example/x"
    untrusted = unreachable(ssl.SSLCertVerificationError("self-signed"), url)
    assert isinstance(untrusted, CrofterError)
    assert "SSL_CERT_FILE" in untrusted.message
    for problem, words in (
        (socket.gaierror(), "cannot be found"),
        (TimeoutError(), "in time"),
        (ConnectionResetError(), "broke"),
    ):
        failure = unreachable(problem, url)
        assert isinstance(failure, TransientError)
        assert words in failure.error.message
        assert "hub.example" in failure.error.message
