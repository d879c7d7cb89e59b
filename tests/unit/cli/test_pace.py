from crofter.cli.pace import WINDOW_SECONDS, Pace

MB = 1_000_000


def test_nothing_is_said_before_it_is_known() -> None:
    pace = Pace()
    assert pace.shown(100 * MB) == ""
    pace.add(0.0, 50 * MB)
    assert pace.shown(100 * MB) == "50.0 MB of 100.0 MB"
    assert pace.bytes_per_second == 0.0
    assert pace.shown(0) == ""


def test_what_was_there_before_does_not_count_as_speed() -> None:
    pace = Pace()
    pace.add(100.0, 900 * MB)
    pace.add(102.0, 920 * MB)
    assert pace.shown(1000 * MB) == "920.0 MB of 1.0 GB, 10.0 MB/s, 8s left"


def test_a_change_of_speed_shows_within_the_window() -> None:
    pace = Pace()
    for second in range(20):
        pace.add(float(second), second * MB)
    for second in range(20, 20 + int(WINDOW_SECONDS) + 1):
        pace.add(float(second), (19 + 5 * (second - 19)) * MB)
    assert pace.bytes_per_second == 5 * MB


def test_starting_anew_starts_the_measurement_anew() -> None:
    pace = Pace()
    pace.add(0.0, 50 * MB)
    pace.add(1.0, 0)
    pace.add(2.0, 3 * MB)
    assert pace.shown(100 * MB).startswith("3.0 MB of 100.0 MB, 3.0 MB/s")


def test_at_the_end_nothing_is_left() -> None:
    pace = Pace()
    pace.add(0.0, 0)
    pace.add(1.0, 100 * MB)
    assert pace.shown(100 * MB) == "100.0 MB of 100.0 MB, 100.0 MB/s"
