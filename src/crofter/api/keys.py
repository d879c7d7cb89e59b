"""What an API key allows and what was used with it, as its owner sees and changes them."""

from typing import Annotated, Literal

import msgspec

from crofter.core import Radius

KeyScope = Literal["inference", "admin"]
"""Asking models; everything that `crofter` can do. Further kinds of scope come with the rooms that ask for them."""
Scopes = Annotated[tuple[KeyScope, ...], msgspec.Meta(min_length=1, max_length=16)]
ModelNames = Annotated[tuple[str, ...], msgspec.Meta(max_length=256)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class KeyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a key allows. Tokens are those read and written, from the prefix cache or not; days and months are UTC's."""

    scopes: Scopes = ("inference",)
    radius: Radius = "local"
    """The furthest a prompt may travel."""
    models: ModelNames = ()
    """The only ones it may ask; empty: any."""
    requests_per_minute: Count | None = None
    """Of this and the other limits, None is none."""
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    tokens_per_month: Count | None = None
    expires_at: float | None = None
    """Unix seconds; None: never."""

    @property
    def limits_tokens(self) -> bool:
        """Whether it matters how many tokens a prompt has."""
        limits = (self.tokens_per_minute, self.tokens_per_day, self.tokens_per_month)
        return any(limit is not None for limit in limits)


class KeyChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to change about a policy; what is left out stays as it is."""

    scopes: Scopes | msgspec.UnsetType = msgspec.UNSET
    radius: Radius | msgspec.UnsetType = msgspec.UNSET
    models: ModelNames | msgspec.UnsetType = msgspec.UNSET
    requests_per_minute: Count | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_minute: Count | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_day: Count | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_month: Count | msgspec.UnsetType | None = msgspec.UNSET
    expires_at: float | msgspec.UnsetType | None = msgspec.UNSET

    def applied(self, policy: KeyPolicy) -> KeyPolicy:
        """The policy with the change."""
        given = {name: getattr(self, name) for name in KeyPolicy.__struct_fields__}
        return msgspec.structs.replace(
            policy, **{name: value for name, value in given.items() if value is not msgspec.UNSET}
        )


class KeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A key to be made."""

    name: str
    policy: KeyPolicy = KeyPolicy()


class KeyUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked with a key."""

    requests: int = 0
    errors: int = 0
    """Requests that were refused or failed; the refused ones are not among `requests`."""
    prompt_tokens: int = 0
    """Those that the prefix cache held included."""
    cached_tokens: int = 0
    completion_tokens: int = 0


class DayUsage(KeyUsage, frozen=True, kw_only=True):
    """The same of one key on one day."""

    day: str
    """In UTC, as 2026-01-31."""
    name: str


class KeySummary(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret."""

    name: str
    prefix: str
    """The first characters of the secret, enough to recognise it."""
    created_at: float
    last_used_at: float | None = None
    policy: KeyPolicy = KeyPolicy()
    today: KeyUsage = KeyUsage()
    this_month: KeyUsage = KeyUsage()


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """The only time the secret is seen; the node keeps a hash."""

    summary: KeySummary
    secret: str
