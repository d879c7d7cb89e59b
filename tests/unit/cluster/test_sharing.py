"""What others may use of a machine, as a table."""

import msgspec
import pytest

from crofter.cluster import MachineFacts, ShareSettings, share_limits

GIGABYTE = 1_000_000_000
NOON, MIDNIGHT = 12 * 60, 0
PLUGGED_IN = MachineFacts(
    total_memory_bytes=16 * GIGABYTE, free_disk_bytes=100 * GIGABYTE, minute_of_day=NOON, on_battery=False
)


def test_a_preset_is_a_share_of_the_machine() -> None:
    half = share_limits(ShareSettings(preset="half"), PLUGGED_IN)
    assert (half.memory_bytes, half.disk_bytes, half.upload_bytes_per_second) == (8 * GIGABYTE, 25 * GIGABYTE, 0)
    light = share_limits(ShareSettings(preset="light"), PLUGGED_IN)
    assert (light.memory_bytes, light.disk_bytes, light.upload_bytes_per_second) == (2 * GIGABYTE, 4 * GIGABYTE, 10**6)
    assert share_limits(ShareSettings(preset="most"), PLUGGED_IN).memory_bytes == 0.8 * 16 * GIGABYTE


def test_a_setting_of_its_own_wins_over_the_preset() -> None:
    settings = ShareSettings(preset="light", memory_bytes=GIGABYTE, upload_bytes_per_second=0)
    limits = share_limits(settings, PLUGGED_IN)
    assert (limits.memory_bytes, limits.upload_bytes_per_second) == (GIGABYTE, 0)
    assert limits.download_bytes_per_second == 10**6


def test_no_more_disk_is_shared_than_is_free() -> None:
    settings = ShareSettings(disk_bytes=10**15)
    assert share_limits(settings, PLUGGED_IN).disk_bytes == PLUGGED_IN.free_disk_bytes


def test_off_shares_nothing_whatever_else_is_set() -> None:
    limits = share_limits(ShareSettings(preset="off", memory_bytes=GIGABYTE), PLUGGED_IN)
    assert (limits.memory_bytes, limits.disk_bytes) == (0, 0)
    assert "share.preset" in limits.closed_because


def test_a_machine_on_its_battery_shares_only_if_it_is_told_to() -> None:
    unplugged = msgspec.structs.replace(PLUGGED_IN, on_battery=True)
    assert "battery" in share_limits(ShareSettings(), unplugged).closed_because
    assert share_limits(ShareSettings(on_battery=True), unplugged).memory_bytes == 8 * GIGABYTE


@pytest.mark.parametrize(
    ("hours", "minute", "open_"),
    [
        ("22:00-07:00", NOON, False),
        ("22:00-07:00", MIDNIGHT, True),
        ("22:00-07:00", 22 * 60, True),
        ("22:00-07:00", 7 * 60, False),
        ("08:00-18:30", NOON, True),
        ("08:00-18:30", 18 * 60 + 30, False),
        ("00:00-00:00", NOON, True),
    ],
)
def test_hours_may_go_over_midnight(hours: str, minute: int, open_: bool) -> None:
    facts = msgspec.structs.replace(PLUGGED_IN, minute_of_day=minute)
    assert (share_limits(ShareSettings(hours=hours), facts).memory_bytes > 0) == open_


@pytest.mark.parametrize("hours", ["8-18", "24:00-07:00", "22:00", "22:00-07:60"])
def test_hours_that_are_none_are_refused_when_they_are_read(hours: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"hours": hours}, ShareSettings)
