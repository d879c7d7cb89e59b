import pytest
from hypothesis import given
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode
from crofter.models.hub.reference import CatalogueName, Reference, checked_quantization, parse

REPOSITORY = "Qwen/Qwen3-4B-GGUF"


@pytest.mark.parametrize(
    ("text", "name"),
    [("qwen3:4b", "qwen3:4b"), (" Qwen3:4B ", "qwen3:4b"), ("qwen3:latest", "qwen3"), ("code", "code")],
)
def test_a_word_is_a_name_of_the_catalogue(text: str, name: str) -> None:
    assert parse(text) == CatalogueName(name)


@pytest.mark.parametrize(
    ("text", "revision", "file", "quantization"),
    [
        (REPOSITORY, "main", "", ""),
        (f"{REPOSITORY}:q4_k_m", "main", "", "Q4_K_M"),
        (f"{REPOSITORY}:UD-Q4_K_XL", "main", "", "UD-Q4_K_XL"),
        (f"{REPOSITORY}:Qwen3-4B-Q8_0.gguf", "main", "Qwen3-4B-Q8_0.gguf", ""),
        (f"{REPOSITORY}:Q8_0/model.gguf", "main", "Q8_0/model.gguf", ""),
        (f"{REPOSITORY}@v1.2", "v1.2", "", ""),
        (f"{REPOSITORY}@refs/pr/1:Q8_0", "refs/pr/1", "", "Q8_0"),
        (f"hf://{REPOSITORY}", "main", "", ""),
        (f"hf://models/{REPOSITORY}/a/b.gguf", "main", "a/b.gguf", ""),
        (f"hf://{REPOSITORY}@abc123/b.gguf", "abc123", "b.gguf", ""),
        (f"hf://{REPOSITORY}:Q4_0", "main", "", "Q4_0"),
        (f"hf.co/{REPOSITORY}:Q4_0", "main", "", "Q4_0"),
        (f"https://huggingface.co/{REPOSITORY}", "main", "", ""),
        (f"https://huggingface.co/{REPOSITORY}/tree/main", "main", "", ""),
        (f"https://huggingface.co/{REPOSITORY}/blob/main/b.gguf", "main", "b.gguf", ""),
        (f"https://hf.co/{REPOSITORY}/resolve/abc/a/b%20c.gguf?download=true", "abc", "a/b c.gguf", ""),
        (f"http://mirror.example:8080/hub/{REPOSITORY}/resolve/main/b.gguf", "main", "b.gguf", ""),
    ],
)
def test_places_on_the_hub_are_taken_apart(text: str, revision: str, file: str, quantization: str) -> None:
    assert parse(text, "http://mirror.example:8080/hub") == Reference(
        repository=REPOSITORY, revision=revision, file=file, quantization=quantization
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "qwen 3",
        "a:b:c",
        "org/",
        "/repo",
        "org/repo:",
        "org/../repo",
        "org/repo:../../etc/x.gguf",
        "org/repo:a//b.gguf",
        "org/repo:a\\b.gguf",
        "org/repo:a\nb.gguf",
        "org/repo@../x:Q8_0",
        "org/repo:Q4 K",
        "https://huggingface.co/datasets/org/data",
        "https://huggingface.co/org",
        "https://huggingface.co/org/repo/discussions/1",
    ],
)
def test_what_names_nothing_is_refused_with_examples(text: str) -> None:
    with pytest.raises(CrofterError, match="qwen3:4b") as caught:
        parse(text)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    "text", ["https://example.org/m.gguf", "ftp://huggingface.co/a/b", "org/repo/model.safetensors"]
)
def test_other_places_and_formats_are_unsupported(text: str) -> None:
    with pytest.raises(CrofterError) as caught:
        parse(text)
    assert caught.value.code is ErrorCode.UNSUPPORTED


def test_a_quantization_is_kept_in_capitals() -> None:
    assert checked_quantization("iq4_xs") == "IQ4_XS"
    with pytest.raises(CrofterError):
        checked_quantization("../x")


@given(st.text())
def test_any_text_is_understood_or_refused_and_never_leaves_the_repository(text: str) -> None:
    try:
        found = parse(text)
    except CrofterError:
        return
    if isinstance(found, Reference):
        assert ".." not in found.file.split("/")
        assert ".." not in found.repository
        assert found.repository.count("/") == 1
