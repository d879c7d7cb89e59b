"""Base58 with Bitcoin's alphabet, which multibase calls `z`. For short values: the work grows with the square of the length."""

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}


def encode_base58(content: bytes) -> str:
    """Bytes as text; each leading zero byte is a leading `1`."""
    number = int.from_bytes(content)
    digits: list[str] = []
    while number:
        number, value = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[value])
    zeros = len(content) - len(content.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + "".join(reversed(digits))


def decode_base58(text: str) -> bytes:
    """The reverse. Raises ValueError for a character outside the alphabet."""
    number = 0
    for character in text:
        if character not in _VALUES:
            raise ValueError(f"{character!r} is not in the alphabet")
        number = number * len(_ALPHABET) + _VALUES[character]
    zeros = len(text) - len(text.lstrip(_ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
