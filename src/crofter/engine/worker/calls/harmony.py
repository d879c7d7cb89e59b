"""OpenAI's harmony format (gpt-oss): messages with a channel and a recipient, after https://cookbook.openai.com/articles/openai-harmony."""

import re

from .feed import Feed, Waiting
from .pieces import Pieces

MARKERS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|constrain|>", "<|call|>", "<|return|>")
_ENDS = ("<|end|>", "<|call|>", "<|return|>", "<|start|>")
_RECIPIENT = re.compile(r"to=functions\.([\w.-]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")


def harmony(feed: Feed, pieces: Pieces) -> Waiting[None]:
    """Messages until the end: `analysis` is thinking, `commentary` to a function is a call, everything else is the answer."""
    while not feed.ended or (yield from feed.ahead(1)):
        header: list[str] = []
        if not (yield from feed.until(("<|message|>",), header.append)):
            # Without a header it is a model that speaks plainly.
            pieces.text("".join(header))
            return
        written = "".join(header)
        recipient = _RECIPIENT.search(written)
        channel = _CHANNEL.search(written)
        if recipient:
            pieces.begin(recipient[1])
            yield from feed.until(_ENDS, pieces.arguments)
        elif channel and channel[1] == "analysis":
            yield from feed.until(_ENDS, pieces.thinking)
        else:
            yield from feed.until(_ENDS, pieces.text)
