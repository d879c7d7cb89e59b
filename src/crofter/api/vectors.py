"""Vectors as the engine gives them (little-endian float32), and as clients want them."""

import base64
import math
import struct

from crofter.core import CrofterError, ErrorCode


def shortened(vector: bytes, dimensions: int | None) -> bytes:
    """The first `dimensions` numbers at unit length again. Raises INVALID_REQUEST if there are fewer."""
    size = len(vector) // 4
    if dimensions is None or dimensions == size:
        return vector
    if dimensions > size:
        message = f"dimensions: this model's vectors have {size}, fewer than the {dimensions} asked for"
        raise CrofterError(ErrorCode.INVALID_REQUEST, message, parameter="dimensions")
    kept = struct.unpack(f"<{dimensions}f", vector[: dimensions * 4])
    length = math.hypot(*kept) or 1.0
    return struct.pack(f"<{dimensions}f", *(number / length for number in kept))


def encoded(vector: bytes, as_base64: bool) -> list[float] | str:
    """The numbers, or their bytes in base64."""
    return base64.b64encode(vector).decode("ascii") if as_base64 else numbers(vector)


def numbers(vector: bytes) -> list[float]:
    """The numbers."""
    return list(struct.unpack(f"<{len(vector) // 4}f", vector))
