"""Where a completion in an editor ends before the model does: at a line that leaves the block, or when time is up. Pure."""


class LineLimits:
    """Follows a text as it grows, for `n_indent` and `t_max_predict_ms` of llama-server."""

    def __init__(self, indent: int, longest_seconds: float) -> None:
        """`indent`: white space that every further line begins with. `longest_seconds`: after these the line is the last; 0: never."""
        self._indent = indent
        self._longest_seconds = longest_seconds
        self._held = ""
        """A line's end, while it is not certain that the next line belongs here."""
        self.ended = False
        """Whether nothing more is wanted."""

    def push(self, piece: str, elapsed_seconds: float) -> str:
        """More text, and how long the model has been writing; returns what may be shown now."""
        held, shown = self._held + piece, ""
        while held:
            before, newline, _ = held.partition("\n")
            if before or not newline:
                shown, held = shown + before, held[len(before) :]
                continue
            following = held[1:].lstrip(" \t")
            if 0 < self._longest_seconds < elapsed_seconds:
                self.ended = True
                break
            if not following:
                break
            indent = len(held) - 1 - len(following)
            if indent < self._indent and following[0] != "\n":
                self.ended = True
                break
            shown, held = shown + held[: indent + 1], following
        self._held = "" if self.ended else held
        return shown

    def finish(self) -> str:
        """Nothing more comes: what was held back."""
        held, self._held = self._held, ""
        return held
