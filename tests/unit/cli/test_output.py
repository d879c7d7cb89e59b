import pytest

from crofter.cli.output import ago, duration, print_facts, print_table, size


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (999, "999 B"), (1234567, "1.2 MB"), (7 * 10**12, "7.0 TB")])
def test_sizes_are_short(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(5.9, "5s"), (93, "1m33s"), (3700, "1h01m")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("passed", "text"), [(-5, "just now"), (120, "2m00s ago"), (200_000, "2 days ago")])
def test_moments_are_told_from_now(passed: float, text: str) -> None:
    assert ago(1_000_000, 1_000_000 + passed) == text


def test_a_table_is_aligned_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "SIZE"), [("seedling", "1"), ("a", "22")], empty="none")
    assert capsys.readouterr().out == "NAME      SIZE\nseedling  1\na         22\n"


def test_an_empty_table_says_so_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME",), [], empty="none")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "none\n")


def test_facts_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("a", "1"), ("long", "2")])
    assert capsys.readouterr().out == "a     1\nlong  2\n"
