"""Whether a model fits, in numbers and in words: the same words for lists, offers and errors."""

import msgspec

from crofter.core import shown_size

from .fit import MemoryNeed

_SET_CONTEXT = "`crofter set MODEL --context TOKENS`, or engine.context_tokens for all"


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """What a model would be loaded with now, and what that takes."""

    need: MemoryNeed
    free_bytes: int
    """Memory for this model if every idle model that is not pinned were unloaded."""
    wanted_tokens: int
    context_tokens: int
    """Tokens one request could hold."""
    kv_tokens: int
    """Tokens all requests could hold together."""
    most_context_tokens: int
    """The longest context that fits; 0: none does."""

    @property
    def fits(self) -> bool:
        """Whether it can be loaded."""
        return self.need.host.total_bytes <= self.free_bytes

    @property
    def verdict(self) -> str:
        """In a few words."""
        if not self.fits:
            return f"needs {shown_size(self.need.host.total_bytes)}, {shown_size(self.free_bytes)} free"
        if self.context_tokens < self.wanted_tokens:
            return f"fits with a context of {self.context_tokens:,}"
        return "fits"

    @property
    def advice(self) -> str:
        """What to do where it does not fit, or not with the whole context; else empty."""
        if not self.fits and self.most_context_tokens > 0:
            return f"give it a context of {self.most_context_tokens} or less ({_SET_CONTEXT})"
        if not self.fits:
            host = self.need.host
            weights = self.free_bytes - (host.total_bytes - host.weights_bytes)
            smaller = f"its weights may have {shown_size(weights)}" if weights > 0 else "there is room for none"
            return (
                f"choose a smaller quantisation ({smaller}) or a smaller model (`crofter pull --list`), or free memory"
            )
        if self.context_tokens < min(self.wanted_tokens, self.most_context_tokens):
            return f"it may have a context of up to {self.most_context_tokens} ({_SET_CONTEXT})"
        return ""
