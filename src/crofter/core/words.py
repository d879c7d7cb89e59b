"""Figures as people read them, where a message carries one."""

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def shown_size(size_bytes: int) -> str:
    """2497280256 as `2.5 GB`; less than nothing as nothing."""
    for unit, name in _UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{max(0, size_bytes)} bytes"
