"""Where a text that is still coming may be cut."""

from collections.abc import Sequence


def longest_partial_suffix(text: str, patterns: Sequence[str]) -> int:
    """Length of the longest end of `text` that is the beginning, but not the whole, of a pattern."""
    longest = max((len(pattern) for pattern in patterns), default=0) - 1
    for length in range(min(longest, len(text)), 0, -1):
        end = text[-length:]
        if any(len(pattern) > length and pattern.startswith(end) for pattern in patterns):
            return length
    return 0
