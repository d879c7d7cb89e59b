"""Where servers may be, and how far that is."""

import pytest

from crofter.core import CrofterError, Radius
from crofter.providers import KINDS, Provider, model_radius, place
from crofter.providers.address import checked_address, radius_of


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://192.168.1.5:8000/api", "http://192.168.1.5:8000/api"),
        ("http://gpu:8000", "http://gpu:8000/v1"),
        ("http://gpu.local:8000", "http://gpu.local:8000/v1"),
        (" https://api.example.com/v1 ", "https://api.example.com/v1"),
    ],
)
def test_addresses_are_kept_in_one_form(text: str, kept: str) -> None:
    assert checked_address(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "http://api.example.com/v1",
        "http://8.8.8.8/v1",
        "ftp://127.0.0.1/v1",
        "127.0.0.1:8000",
        "https://me:secret@example.com/v1",
        "https://example.com/v1?key=secret",
        "https://example.com:99999/v1",
        "https://exa mple.com/v1",
        "https:///v1",
        "",
    ],
)
def test_what_would_be_read_along_or_hides_something_is_refused(text: str) -> None:
    with pytest.raises(CrofterError) as caught:
        checked_address(text)
    assert caught.value.parameter == "base_url"
    assert "secret" not in caught.value.message or "password" in caught.value.message


@pytest.mark.parametrize(
    ("base_url", "kind", "wanted", "radius"),
    [
        ("http://127.0.0.1:8000/v1", "vllm", None, "local"),
        ("http://127.0.0.1:8000/v1", "custom", "public", "public"),
        ("http://192.168.1.5:8000/v1", "vllm", None, "public"),
        ("http://192.168.1.5:8000/v1", "vllm", "trusted", "trusted"),
        ("https://api.openai.com/v1", "openai", None, "public"),
        ("http://127.0.0.1:4000/v1", "openai", None, "public"),
    ],
)
def test_only_this_machine_is_local_without_a_word(
    base_url: str, kind: str, wanted: Radius | None, radius: Radius
) -> None:
    assert radius_of(base_url, KINDS[kind], wanted) == radius


@pytest.mark.parametrize(
    ("base_url", "kind", "wanted"),
    [
        ("http://192.168.1.5:8000/v1", "vllm", "local"),
        ("https://api.openai.com/v1", "openai", "trusted"),
        ("https://api.openai.com/v1", "openai", "local"),
    ],
)
def test_a_claim_that_is_not_so_is_refused(base_url: str, kind: str, wanted: Radius) -> None:
    with pytest.raises(CrofterError):
        radius_of(base_url, KINDS[kind], wanted)


def test_what_ollama_hands_on_to_its_cloud_is_public() -> None:
    ollama = Provider(name="o", kind_name="ollama", base_url="http://127.0.0.1:11434/v1", radius="local")
    assert model_radius(ollama, "qwen3:8b") == "local"
    for name in ("gpt-oss:120b-cloud", "kimi-k2:cloud"):
        assert model_radius(ollama, name) == "public"
        assert "hands it on" in place(ollama, name)
    assert place(ollama, "qwen3:8b") == "o (this machine)"
