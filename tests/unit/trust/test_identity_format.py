from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.trust import Identity, StoredIdentity
from crofter.trust.identity_format import _SCRYPT_LOG2_N, _SCRYPT_P, _SCRYPT_R, encoded_identity

REAL_COST = (_SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P)
ME = Identity(b"s" * 32)
PLAIN = encoded_identity(ME, None)


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return encoded_identity(ME, "correct horse")


def code_of(call: Callable[[], object]) -> ErrorCode:
    with pytest.raises(CrofterError) as raised:
        call()
    assert "a.key" in raised.value.message
    return raised.value.code


def test_a_plain_identity_opens_by_itself() -> None:
    stored = StoredIdentity(PLAIN, "a.key")
    assert not stored.has_passphrase
    assert stored.node_id == ME.node_id
    assert stored.open().seed == stored.open("not needed").seed == ME.seed


def test_a_sealed_identity_opens_with_its_passphrase_only(sealed: bytes) -> None:
    stored = StoredIdentity(sealed, "a.key")
    assert stored.has_passphrase
    assert stored.node_id == ME.node_id
    assert stored.open("correct horse").seed == ME.seed
    for wrong in ("correct horsf", None, ""):
        assert code_of(lambda passphrase=wrong: stored.open(passphrase)) is ErrorCode.IDENTITY_LOCKED


def test_a_sealed_file_holds_no_secret_and_no_two_are_alike(sealed: bytes) -> None:
    kept = msgspec.json.decode(sealed.partition(b"\n")[2])
    assert kept["public_key"] == msgspec.json.decode(PLAIN.partition(b"\n")[2])["public_key"]
    assert msgspec.json.decode(PLAIN.partition(b"\n")[2])["seed"].encode() not in sealed
    assert encoded_identity(ME, "correct horse") != sealed


def test_a_passphrase_is_the_same_however_its_letters_are_composed() -> None:
    content = encoded_identity(ME, "Käse")
    assert StoredIdentity(content, "a.key").open("Ka\u0308se").seed == ME.seed


def test_an_empty_passphrase_seals_nothing() -> None:
    with pytest.raises(CrofterError, match="empty"):
        encoded_identity(ME, "")


def test_a_file_cut_short_anywhere_is_damaged_and_never_another_identity(sealed: bytes) -> None:
    for content in (PLAIN, sealed):
        for length in range(len(content) - 1):
            assert code_of(lambda cut=content[:length]: StoredIdentity(cut, "a.key")) is ErrorCode.IDENTITY_UNUSABLE


def test_a_changed_byte_of_a_plain_file_is_found() -> None:
    for at in range(len(PLAIN)):
        for change in (1, 0x20):
            changed = PLAIN[:at] + bytes([PLAIN[at] ^ change]) + PLAIN[at + 1 :]
            with suppress(CrofterError):
                assert StoredIdentity(changed, "a.key").open().seed == ME.seed


def test_the_readable_half_of_a_sealed_file_cannot_be_exchanged(sealed: bytes) -> None:
    start, _, body = sealed.partition(b"\n")
    kept = msgspec.json.decode(body)
    kept["public_key"] = msgspec.json.decode(msgspec.json.encode(Identity(b"t" * 32).node_id))
    stored = StoredIdentity(start + b"\n" + msgspec.json.encode(kept), "a.key")
    assert code_of(lambda: stored.open("correct horse")) is ErrorCode.IDENTITY_LOCKED


@pytest.mark.parametrize("change", [{"scrypt_log2_n": 40}, {"scrypt_log2_n": 1}, {"salt": ""}, {"extra": 1}])
def test_a_file_that_asks_for_the_impossible_is_refused_unread(sealed: bytes, change: dict[str, object]) -> None:
    start, _, body = sealed.partition(b"\n")
    content = start + b"\n" + msgspec.json.encode(msgspec.json.decode(body) | change)
    assert code_of(lambda: StoredIdentity(content, "a.key")) is ErrorCode.IDENTITY_UNUSABLE


def test_a_file_of_a_newer_version_says_so() -> None:
    with pytest.raises(CrofterError, match="update Crofter"):
        StoredIdentity(PLAIN.replace(b"identity 1", b"identity 2"), "a.key")


def test_a_passphrase_costs_what_owasp_advises() -> None:
    assert REAL_COST == (17, 8, 1)
