"""How much of this machine others may use now: a pure decision over settings and facts."""

import msgspec

from .settings import Preset, ShareSettings

_GIGABYTE = 1_000_000_000
_MEGABYTE = 1_000_000


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision depends on."""

    total_memory_bytes: int
    free_disk_bytes: int
    """Without what is kept for others now."""
    minute_of_day: int
    """By the machine's own clock, from 0."""
    on_battery: bool


class ShareLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What others may use now; all 0 while nothing is shared."""

    memory_bytes: int = 0
    disk_bytes: int = 0
    upload_bytes_per_second: int = 0
    """0: no limit."""
    download_bytes_per_second: int = 0
    closed_because: str = ""
    """Why nothing is shared now; empty while something is."""


class _Shares(msgspec.Struct, frozen=True):
    memory: float
    disk: float
    most_disk_bytes: int
    bytes_per_second: int


_PRESETS: dict[Preset, _Shares] = {
    "off": _Shares(0.0, 0.0, 0, 0),
    "light": _Shares(0.125, 0.25, 4 * _GIGABYTE, _MEGABYTE),
    "half": _Shares(0.5, 0.25, 1000 * _GIGABYTE, 0),
    "most": _Shares(0.8, 0.5, 1000 * _GIGABYTE, 0),
}


def share_limits(settings: ShareSettings, facts: MachineFacts) -> ShareLimits:
    """The limits now."""
    if reason := _closed_because(settings, facts):
        return ShareLimits(closed_because=reason)
    shares = _PRESETS[settings.preset]
    disk = min(int(shares.disk * facts.free_disk_bytes), shares.most_disk_bytes)
    return ShareLimits(
        memory_bytes=_decided(settings.memory_bytes, int(shares.memory * facts.total_memory_bytes)),
        disk_bytes=min(_decided(settings.disk_bytes, disk), facts.free_disk_bytes),
        upload_bytes_per_second=_decided(settings.upload_bytes_per_second, shares.bytes_per_second),
        download_bytes_per_second=_decided(settings.download_bytes_per_second, shares.bytes_per_second),
    )


def _closed_because(settings: ShareSettings, facts: MachineFacts) -> str:
    if settings.preset == "off":
        return "share.preset is off"
    if facts.on_battery and not settings.on_battery:
        return "the machine runs on its battery, and share.on_battery is false"
    if settings.hours and not _within(settings.hours, facts.minute_of_day):
        return f"it is outside share.hours, {settings.hours}"
    return ""


def _within(hours: str, minute: int) -> bool:
    """Whether a minute of the day lies in `HH:MM-HH:MM`, which may go over midnight; equal ends are the whole day."""
    start, stop = (int(time[:2]) * 60 + int(time[3:]) for time in hours.split("-"))
    if start < stop:
        return start <= minute < stop
    return minute >= start or minute < stop


def _decided(setting: int, preset: int) -> int:
    return preset if setting < 0 else setting
