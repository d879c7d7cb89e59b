"""Bech32m (BIP-350): base 32 with a checksum of 6 characters.

Up to 90 characters, any four wrong ones are found, so every single mistake and every swapped pair; of anything worse, all but
one in 2^30. Luhn mod 32, as in Syncthing's ids, misses some swaps, and it finds one mistake only.
"""

from collections.abc import Iterable, Sequence

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_CHARACTERS = 6

_BITS = 5
_CONSTANT = 0x2BC830A3
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def encode_bech32m(prefix: str, content: bytes) -> str:
    """`prefix`, the separator `1`, the content, the checksum; all lower case."""
    values = _regrouped(content, from_bits=8, to_bits=_BITS)
    padded = [*_expanded(prefix), *values, *(0,) * CHECKSUM_CHARACTERS]
    remainder = _remainder(padded) ^ _CONSTANT
    shifts = reversed(range(0, _BITS * CHECKSUM_CHARACTERS, _BITS))
    checksum = [remainder >> shift & 31 for shift in shifts]
    return f"{prefix}1{''.join(ALPHABET[value] for value in (*values, *checksum))}"


def decode_bech32m(prefix: str, text: str) -> bytes:
    """The content of what follows prefix and separator, in lower case. Raises ValueError, saying what is wrong."""
    if unknown := sorted(set(text) - _VALUES.keys()):
        raise ValueError(f"{' '.join(unknown)} cannot stand in it")
    values = [_VALUES[character] for character in text]
    if _remainder([*_expanded(prefix), *values]) != _CONSTANT:
        raise ValueError("its check characters do not fit, so something in it is mistyped")
    content = _regrouped(values[:-CHECKSUM_CHARACTERS], from_bits=_BITS, to_bits=8)
    spare_bits = len(values[:-CHECKSUM_CHARACTERS]) * _BITS % 8
    filling = content.pop() if spare_bits else 0
    if filling or spare_bits >= _BITS:
        raise ValueError("it does not end where it should")
    return bytes(content)


def _remainder(values: Iterable[int]) -> int:
    """The checksum polynomial over GF(32), as BIP-173 gives it."""
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << _BITS ^ value
        for bit, coefficient in enumerate(_GENERATOR):
            if top >> bit & 1:
                remainder ^= coefficient
    return remainder


def _expanded(prefix: str) -> list[int]:
    codes = prefix.encode()
    return [*(code >> _BITS for code in codes), 0, *(code & 31 for code in codes)]


def _regrouped(values: Sequence[int], *, from_bits: int, to_bits: int) -> list[int]:
    """The same bits in groups of another size, the last one filled with zeros."""
    number, count = 0, len(values) * from_bits
    for value in values:
        number = number << from_bits | value
    fill = -count % to_bits
    number <<= fill
    return [number >> shift & (1 << to_bits) - 1 for shift in range(count + fill - to_bits, -1, -to_bits)]
