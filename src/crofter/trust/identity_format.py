"""The bytes of an identity file: a line that says what it is, then one JSON object with the key, sealed if it has a passphrase."""

import secrets
import struct
import unicodedata
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from crofter.core import NODE_ID_BYTES, CrofterError, ErrorCode, NodeId

from .identity import SEED_BYTES, Identity

_MAGIC = b"crofter identity "
_VERSION = b"1"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
_TAG_BYTES = 16
# 128 MiB for about a third of a second: OWASP's first choice for scrypt. A file may ask for up to 1 GiB, later versions for more work.
_SCRYPT_LOG2_N = 17
_SCRYPT_R = 8
_SCRYPT_P = 1

_NodeIdBytes = Annotated[bytes, msgspec.Meta(min_length=NODE_ID_BYTES, max_length=NODE_ID_BYTES)]


class _Plain(msgspec.Struct, frozen=True, tag_field="protection", tag="none", forbid_unknown_fields=True):
    public_key: _NodeIdBytes
    seed: Annotated[bytes, msgspec.Meta(min_length=SEED_BYTES, max_length=SEED_BYTES)]

    def __repr__(self) -> str:
        return "_Plain(...)"


class _Sealed(msgspec.Struct, frozen=True, tag_field="protection", tag="passphrase", forbid_unknown_fields=True):
    """The seed under ChaCha20-Poly1305, with a key that scrypt made of the passphrase. The public key stays readable."""

    public_key: _NodeIdBytes
    scrypt_log2_n: Annotated[int, msgspec.Meta(ge=10, le=20)]
    salt: Annotated[bytes, msgspec.Meta(min_length=_SALT_BYTES, max_length=_SALT_BYTES)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=_NONCE_BYTES, max_length=_NONCE_BYTES)]
    sealed_seed: Annotated[bytes, msgspec.Meta(min_length=SEED_BYTES + _TAG_BYTES, max_length=SEED_BYTES + _TAG_BYTES)]


class StoredIdentity:
    """What an identity file holds, read and not yet opened."""

    def __init__(self, content: bytes, place: str) -> None:
        """`place` is the file's name, for messages. Raises IDENTITY_UNUSABLE if the content is damaged, cut short or too new."""
        self.content = content
        """The file, byte for byte: with a passphrase it may be given away as a backup."""
        self._place = place
        self._kept = _parsed(content, place)
        self.node_id = NodeId(self._kept.public_key)
        self.has_passphrase = isinstance(self._kept, _Sealed)

    def open(self, passphrase: str | None = None) -> Identity:
        """The identity itself; takes a third of a second with a passphrase. One that is not needed is not looked at.

        Raises IDENTITY_LOCKED for a missing or wrong passphrase, IDENTITY_UNUSABLE if the key is not the one the file names.
        """
        kept = self._kept
        identity = Identity(kept.seed if isinstance(kept, _Plain) else self._unsealed(kept, passphrase))
        if identity.node_id != self.node_id:
            raise _damaged(self._place, "its two halves do not belong together")
        return identity

    def _unsealed(self, kept: _Sealed, passphrase: str | None) -> bytes:
        if not passphrase:
            raise CrofterError(ErrorCode.IDENTITY_LOCKED, f"{self._place} has a passphrase, and none was given.")
        try:
            cipher = ChaCha20Poly1305(_sealing_key(passphrase, kept.salt, kept.scrypt_log2_n))
            return cipher.decrypt(kept.nonce, kept.sealed_seed, _bound(kept.public_key, kept.scrypt_log2_n))
        except InvalidTag:
            raise CrofterError(
                ErrorCode.IDENTITY_LOCKED,
                f"{self._place} does not open with this passphrase. If it is the right one, the file is damaged: put back a copy.",
            ) from None


def encoded_identity(identity: Identity, passphrase: str | None) -> bytes:
    """The file's content, sealed if a passphrase is given. Raises INVALID_REQUEST for an empty one."""
    if passphrase is None:
        kept = _Plain(public_key=identity.node_id, seed=identity.seed)
    elif not passphrase:
        raise CrofterError(ErrorCode.INVALID_REQUEST, "an empty passphrase protects nothing.", parameter="passphrase")
    else:
        kept = _sealed(identity, passphrase)
    return b"%s%s\n%s\n" % (_MAGIC, _VERSION, msgspec.json.encode(kept))


def _sealed(identity: Identity, passphrase: str) -> _Sealed:
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    cipher = ChaCha20Poly1305(_sealing_key(passphrase, salt, _SCRYPT_LOG2_N))
    return _Sealed(
        public_key=identity.node_id,
        scrypt_log2_n=_SCRYPT_LOG2_N,
        salt=salt,
        nonce=nonce,
        sealed_seed=cipher.encrypt(nonce, identity.seed, _bound(identity.node_id, _SCRYPT_LOG2_N)),
    )


def _sealing_key(passphrase: str, salt: bytes, log2_n: int) -> bytes:
    # The same passphrase may be typed as other code points on another system; bytes that are no text come from the environment.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogateescape")
    return Scrypt(salt=salt, length=_KEY_BYTES, n=1 << log2_n, r=_SCRYPT_R, p=_SCRYPT_P).derive(secret)


def _bound(public_key: bytes, log2_n: int) -> bytes:
    """What is readable and may not be changed; salt and nonce are bound by what they do."""
    return _MAGIC + _VERSION + struct.pack("!I", log2_n) + public_key


def _parsed(content: bytes, place: str) -> _Plain | _Sealed:
    start, line_end, body = content.partition(b"\n")
    if not start.startswith(_MAGIC):
        raise _damaged(place, "it does not begin as one, or is empty")
    if line_end and start != _MAGIC + _VERSION:
        raise CrofterError(
            ErrorCode.IDENTITY_UNUSABLE, f"{place} was written by a newer Crofter: update Crofter to use it."
        )
    try:
        return msgspec.json.decode(body, type=_Plain | _Sealed)
    except msgspec.DecodeError as error:
        raise _damaged(place, "it is cut short or changed") from error


def _damaged(place: str, reason: str) -> CrofterError:
    return CrofterError(
        ErrorCode.IDENTITY_UNUSABLE,
        f"{place} is not a whole identity: {reason}. Put back a copy (`crofter id import FILE --replace`); no other key can"
        " take its place, and it is never overwritten by itself.",
    )
