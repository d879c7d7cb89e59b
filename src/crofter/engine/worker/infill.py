"""Text around a gap, framed by the model's own fill-in-the-middle tokens, with other files before it.

Models that know repositories (Qwen2.5-Coder, arXiv 2409.12186, and others) have tokens for the names of files; for the rest, other
files are text before the prefix, their names in comments.
"""

from llama_cpp import llama_cpp as llama

from crofter.core import ContextFile, CrofterError, ErrorCode, InfillPrompt

from .vocabulary import NO_TOKEN, Vocabulary

_REPOSITORY, _THIS_FILE = "repository\n", "this file\n"
_PREFIX_SHARE = 0.75
"""Of the room, when prefix and suffix do not both fit."""
_COMMENTS = {
    **dict.fromkeys(("py", "sh", "rb", "pl", "r", "jl", "yaml", "yml", "toml", "tf", "nix", "ex", "exs"), "#"),
    **dict.fromkeys(("lua", "sql", "hs", "elm"), "--"),
}
"""What begins a comment, by the ending of a file's name, where it is not two slashes."""


class Infill:
    """Writes such prompts for one model."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        handle = vocabulary.handle
        self._before, self._after, self._gap = (
            int(function(handle))  # pyright: ignore[reportUnknownArgumentType]
            for function in (llama.llama_vocab_fim_pre, llama.llama_vocab_fim_suf, llama.llama_vocab_fim_mid)
        )
        self._repository, self._file = int(llama.llama_vocab_fim_rep(handle)), int(llama.llama_vocab_fim_sep(handle))

    def tokens(self, prompt: InfillPrompt, room_tokens: int | None = None) -> list[int]:
        """Token ids; other files, then the far ends of prefix and suffix are left out where `room_tokens` is not enough for all.

        Raises CrofterError(UNSUPPORTED) for a model without such tokens.
        """
        if NO_TOKEN in (self._before, self._after, self._gap):
            raise CrofterError(
                ErrorCode.UNSUPPORTED,
                "this model has no fill-in-the-middle tokens; leave out `suffix`",
                parameter="suffix",
            )
        vocabulary = self._vocabulary
        start = [vocabulary.beginning_of_sequence] if vocabulary.adds_beginning_of_sequence else []
        prefix, suffix = self._plain(prompt.prefix), self._plain(prompt.suffix)
        if room_tokens is not None:
            prefix, suffix = _around(prefix, suffix, room_tokens - len(start) - 3)
            room_tokens -= len(start) + 3 + len(prefix) + len(suffix)
        files = self._kept([self._written(file) for file in prompt.context], room_tokens)
        knows_files = self._file != NO_TOKEN
        return [
            *start,
            *(files if knows_files else []),
            self._before,
            *([] if knows_files else files),
            *prefix,
            self._after,
            *suffix,
            self._gap,
        ]

    def _kept(self, files: list[list[int]], room_tokens: int | None) -> list[int]:
        """The last files that fit, each whole, in their order."""
        knows_files = self._file != NO_TOKEN
        head = [self._repository, *self._plain(_REPOSITORY)] if knows_files and self._repository != NO_TOKEN else []
        tail = [self._file, *self._plain(_THIS_FILE)] if knows_files else []
        left = None if room_tokens is None else room_tokens - len(head) - len(tail)
        kept: list[list[int]] = []
        for file in reversed(files):
            if left is not None and len(file) > left:
                break
            left = None if left is None else left - len(file)
            kept.insert(0, file)
        return [*head, *(token for file in kept for token in file), *tail] if kept else []

    def _written(self, file: ContextFile) -> list[int]:
        if self._file != NO_TOKEN:
            return [self._file, *self._plain(f"{file.name}\n{file.text}")]
        comment = _COMMENTS.get(file.name.rpartition(".")[2].lower(), "//")
        return self._plain(f"{comment} {file.name}\n{file.text}\n\n")

    def _plain(self, text: str) -> list[int]:
        return self._vocabulary.tokenize(text, add_special=False, parse_special=False)


def _around(prefix: list[int], suffix: list[int], room_tokens: int) -> tuple[list[int], list[int]]:
    """The end of the prefix and the beginning of the suffix that fit, three parts to one where both are long."""
    room_tokens = max(room_tokens, 2)
    most_prefix = max(int(room_tokens * _PREFIX_SHARE), room_tokens - len(suffix))
    prefix = prefix[max(0, len(prefix) - most_prefix) :]
    return prefix, suffix[: room_tokens - len(prefix)]
