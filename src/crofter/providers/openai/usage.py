"""Token counts, wherever a server puts them."""

import msgspec

from crofter.core import Usage


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class UsageFields(msgspec.Struct):
    """OpenAI's, and DeepSeek's and Moonshot's own names for cached tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None


def usage_of(fields: UsageFields) -> Usage:
    """What a server counted; a field it leaves out is 0."""
    prompt, completion = fields.prompt_tokens_details, fields.completion_tokens_details
    cached = (prompt and prompt.cached_tokens) or fields.prompt_cache_hit_tokens or fields.cached_tokens or 0
    prompt_tokens = max(fields.prompt_tokens or 0, 0)
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=max(fields.completion_tokens or 0, 0),
        cached_tokens=min(max(cached, 0), prompt_tokens),
        reasoning_tokens=max((completion and completion.reasoning_tokens) or 0, 0),
    )
