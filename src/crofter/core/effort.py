"""What an effort of thinking means where only a number of tokens can be said. Pure."""

_THINKING_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
"""Those in use among routers of several providers (OpenRouter's documentation of reasoning tokens)."""


def thinking_share(effort: object) -> float | None:
    """The part of an answer that an effort lets go into thinking; None for a word that means none."""
    return _THINKING_SHARES.get(str(effort))
