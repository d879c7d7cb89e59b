"""What is kept of providers, and what names mean."""

from collections.abc import Generator
from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.providers import Provider, ProviderBook, RemoteModel
from crofter.store import Database, ProviderRecords

KEY = "sk-proj-very-secret-0123456789"


@pytest.fixture
def database(tmp_path: Path) -> Generator[Database]:
    database = Database.open(tmp_path / "crofter.db", bytes(32))
    yield database
    database.close()


@pytest.fixture
def book(database: Database) -> ProviderBook:
    return ProviderBook(ProviderRecords(database))


def add(book: ProviderBook, name: str = "openai", *, key: str = KEY, base_url: str = "") -> Provider:
    return book.add(name, kind_name="", base_url=base_url, radius=None, key=key)


def found(book: ProviderBook, name: str) -> RemoteModel:
    model = book.find(name)
    assert model is not None
    return model


def test_a_provider_comes_back_as_it_was_with_its_key(book: ProviderBook, database: Database) -> None:
    added = add(book)
    book.remember_models("openai", ("gpt-5", "gpt-5-mini"))
    again = ProviderBook(ProviderRecords(database))
    assert again.get("openai").models == ("gpt-5", "gpt-5-mini")
    assert again.get("OpenAI").base_url == added.base_url == "https://api.openai.com/v1"
    assert again.key("openai") == KEY


def test_a_key_is_in_no_value_and_in_no_file_in_the_clear(book: ProviderBook, tmp_path: Path) -> None:
    assert KEY not in repr(add(book))
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "key", "base_url"),
    [
        ("openai", "", ""),
        ("openai", "with space", ""),
        ("openai", "line\nend", ""),
        ("openai", "ключ", ""),
        ("mine", "", ""),
        ("local", "", "http://127.0.0.1:1/v1"),
        ("a/b", "", "http://127.0.0.1:1/v1"),
        ("", "", "http://127.0.0.1:1/v1"),
    ],
)
def test_what_cannot_be_is_refused_without_repeating_the_key(
    book: ProviderBook, name: str, key: str, base_url: str
) -> None:
    with pytest.raises(CrofterError) as caught:
        add(book, name, key=key, base_url=base_url)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert not key or key not in caught.value.message
    assert book.all() == []


def test_a_taken_name_is_a_conflict(book: ProviderBook) -> None:
    add(book)
    with pytest.raises(CrofterError) as caught:
        add(book, key="other")
    assert caught.value.code is ErrorCode.CONFLICT
    assert book.key("openai") == KEY


def test_names_mean_models_listed_or_not(book: ProviderBook) -> None:
    add(book)
    assert found(book, "openai/gpt-9").remote_name == "gpt-9"
    assert found(book, "OpenAI/Org/Model").name == "openai/Org/Model"
    for name in ("gpt-9", "openai", "openai/", "groq/x", "openai/" + "x" * 300, "openai/a\nb"):
        assert book.find(name) is None


def test_a_tag_that_clients_add_is_taken_off_again(book: ProviderBook) -> None:
    add(book)
    book.remember_models("openai", ("gpt-5", "both", "both:latest"))
    assert found(book, "openai/gpt-5:latest").remote_name == "gpt-5"
    assert found(book, "openai/both:latest").remote_name == "both:latest"
    book.alias(found(book, "openai/gpt-5"), "smart")
    assert found(book, "smart:latest").remote_name == "gpt-5"


def test_further_names_are_kept_moved_and_forgotten(book: ProviderBook) -> None:
    add(book)
    add(book, "near", key="", base_url="http://127.0.0.1:1")
    book.alias(found(book, "openai/gpt-9"), "smart")
    book.alias(found(book, "near/big"), "smart")
    assert found(book, "Smart").name == "near/big"
    assert book.get("openai").aliases == {}
    assert book.forget_alias("smart") is not None
    assert book.find("smart") is None
    assert book.forget_alias("smart") is None


def test_a_disabled_provider_offers_nothing_and_says_so(book: ProviderBook) -> None:
    add(book)
    book.remember_models("openai", ("gpt-5",))
    assert [name for name, _, _ in book.offered()] == ["openai/gpt-5"]
    book.change("openai", enabled=False)
    assert list(book.offered()) == []
    with pytest.raises(CrofterError) as caught:
        book.find("openai/gpt-5")
    assert caught.value.code is ErrorCode.FORBIDDEN
    assert "provider enable openai" in caught.value.message


def test_a_new_key_replaces_the_old_one(book: ProviderBook) -> None:
    add(book)
    assert book.change("openai", key=" other-key\n").has_key
    assert book.key("openai") == "other-key"


def test_a_removed_provider_takes_its_key_along(book: ProviderBook) -> None:
    add(book)
    book.remove("openai")
    assert book.key("openai") == ""
    with pytest.raises(CrofterError):
        book.get("openai")
