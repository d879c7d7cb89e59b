import click
import msgspec
import pytest
from click.testing import CliRunner

from crofter.api import KeyPolicy
from crofter.cli.key_policy import given_change, limits, policy_options

NOW = 1_000_000.0


def given(*arguments: str) -> dict[str, object]:
    """What a command with these options would send."""
    found: dict[str, object] = {}

    @click.command()
    @policy_options
    def command(**options: object) -> None:
        change = msgspec.structs.asdict(given_change(options, NOW))
        found.update({name: value for name, value in change.items() if value is not msgspec.UNSET})

    CliRunner().invoke(command, arguments, standalone_mode=False, catch_exceptions=False)
    return found


def test_only_what_is_named_is_sent() -> None:
    assert given() == {}
    assert given("--radius", "trusted") == {"radius": "trusted"}


def test_every_option_has_its_field() -> None:
    sent = given(
        *("--scope", "inference", "--scope", "admin", "--radius", "public", "--model", "a", "--model", "b/c"),
        *("--requests-per-minute", "60", "--tokens-per-minute", "10,000", "--tokens-per-day", "1_000_000"),
        *("--tokens-per-month", "2", "--expires", "30d"),
    )
    assert sent == {
        "scopes": ("inference", "admin"),
        "radius": "public",
        "models": ("a", "b/c"),
        "requests_per_minute": 60,
        "tokens_per_minute": 10_000,
        "tokens_per_day": 1_000_000,
        "tokens_per_month": 2,
        "expires_at": NOW + 30 * 86_400,
    }
    assert set(sent) == set(KeyPolicy.__struct_fields__)


def test_limits_are_taken_away_by_word() -> None:
    assert given("--tokens-per-day", "unlimited", "--expires", "never", "--model", "any") == {
        "tokens_per_day": None,
        "expires_at": None,
        "models": (),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tokens-per-day", "0"),
        ("--tokens-per-day", "-1"),
        ("--requests-per-minute", "many"),
        ("--expires", "30"),
        ("--expires", "tomorrow"),
        ("--scope", "everything"),
        ("--radius", "galaxy"),
    ],
)
def test_what_means_nothing_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        given(*arguments)


def test_limits_are_told_in_words() -> None:
    policy = KeyPolicy(requests_per_minute=60, tokens_per_day=10_000, models=("a",), expires_at=NOW + 30 * 86_400)
    assert limits(policy, NOW) == ["60 requests a minute", "10,000 tokens a day", "only a", "expires in 30 days"]
    assert limits(KeyPolicy(expires_at=NOW - 1), NOW) == ["expired"]
    assert limits(KeyPolicy(), NOW) == []
