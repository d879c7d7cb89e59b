"""The router's section of the configuration."""

import msgspec

from crofter.core import Radius


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How far prompts may travel: local (this machine), trusted (machines you named as yours), public (anybody you added)."""

    radius: Radius = "local"
    """How far a request travels that says nothing itself; one can say otherwise with the header x-crofter-radius."""
    ceiling: Radius = "public"
    """The furthest any request may travel, whatever it says; local: nothing ever leaves this machine."""
