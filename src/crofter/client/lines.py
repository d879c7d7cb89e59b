"""Bytes as they come, as lines. Only a line feed ends one: text may hold every other separator that Unicode knows."""


class Lines:
    """Holds what has no end yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without empty ones."""
        first, *rest = data.split(b"\n")
        self._pieces.append(first)
        if not rest:
            return []
        whole = [b"".join(self._pieces), *rest[:-1]]
        self._pieces = [rest[-1]]
        return [line.removesuffix(b"\r") for line in whole if line.strip()]

    def end(self) -> list[bytes]:
        """The last line, if nothing ended it."""
        last, self._pieces = b"".join(self._pieces).removesuffix(b"\r"), []
        return [last] if last.strip() else []
