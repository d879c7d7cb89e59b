from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode, ModelId
from crofter.models.names import checked_name, derived_name, is_local, local_path, matching_name, model_name


def test_names_are_lower_case_and_latest_is_the_default_tag() -> None:
    assert model_name(" Qwen2.5:Latest ") == "qwen2.5"
    assert checked_name("Org/Model:7B-q4_K") == "org/model:7b-q4_k"


@pytest.mark.parametrize("name", ["-a", "a b", "", "ä", "a" * 129, "../up", "a\nb", ":latest"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(CrofterError) as caught:
        checked_name(name)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    ("own_name", "file_name", "expected"),
    [
        ("Qwen2.5 0.5B Instruct", "x.gguf", "qwen2.5-0.5b-instruct"),
        ("", "My Model-Q4_K_M.gguf", "my-model-q4_k_m"),
        ("~~~", "../..gguf", "model"),
        ("模型", "Tiny.gguf", "tiny"),
        ("x" * 500, "a.gguf", "x" * 128),
    ],
)
def test_a_name_is_made_from_the_models_own_or_its_files(own_name: str, file_name: str, expected: str) -> None:
    assert derived_name(own_name, Path(file_name)) == expected
    assert checked_name(expected) == expected


def test_paths_home_and_file_urls_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my model%20.gguf"
    path.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert local_path(str(path)) == local_path("~/my model%20.gguf") == local_path("my model%20.gguf") == path
    assert local_path(path.as_uri()) == path


@pytest.mark.parametrize(
    "source", ["hf://org/repo", "https://example.org/m.gguf", "org/repo", "org/repo:Q4_K_M", "org/repo:m.gguf", "qwen"]
)
def test_what_is_to_be_downloaded_is_no_local_path(source: str) -> None:
    assert not is_local(source)
    with pytest.raises(CrofterError, match="not a file here") as caught:
        local_path(source)
    assert caught.value.code is ErrorCode.UNSUPPORTED


@pytest.mark.parametrize(
    "source", ["/no/such", "./no", "~/no.gguf", "no.gguf", "file:///no", "/a\0b", "/" + "a" * 5000]
)
def test_a_path_where_nothing_is_is_said_to_be_one(source: str) -> None:
    assert is_local(source)
    with pytest.raises(CrofterError) as caught:
        local_path(source)
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_no_source_at_all_is_an_invalid_request() -> None:
    with pytest.raises(CrofterError) as caught:
        local_path(" ")
    assert caught.value.code is ErrorCode.INVALID_REQUEST


IDS = {
    "one": ModelId("aaaaaaaa11"),
    "two": ModelId("aaaaaaaa22"),
    "again": ModelId("aaaaaaaa22"),
    "bbbbbbbb": ModelId("cccccccc"),
}


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("two", "two"),
        ("aaaaaaaa22", "two"),
        ("aaaaaaaa1", "one"),
        ("aaaaaaaa", None),
        ("aaaaaaa", None),
        ("ccccccc", None),
        ("cccccccc", "bbbbbbbb"),
        ("bbbbbbbb", "bbbbbbbb"),
        ("three", None),
    ],
)
def test_a_name_or_the_beginning_of_one_id_is_enough(wanted: str, meant: str | None) -> None:
    assert matching_name(wanted, IDS) == meant
