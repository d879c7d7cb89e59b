import pytest

from crofter.models.hub.license import restricts_use


@pytest.mark.parametrize("name", ["apache-2.0", "MIT", "cc-by-4.0", "gpl-3.0"])
def test_free_licences_ask_nothing_of_a_user(name: str) -> None:
    assert not restricts_use(name)


@pytest.mark.parametrize("name", ["llama3.1", "gemma", "cc-by-nc-4.0", "openrail", "other", "", "unknown"])
def test_the_others_the_unknown_and_none_are_for_the_owner_to_judge(name: str) -> None:
    assert restricts_use(name)
