import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.trust.base58 import decode_base58, encode_base58

REPEATABLE = settings(deadline=None, derandomize=True)


# From the draft "The Base58 Encoding Scheme" (draft-msporny-base58).
@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            b"The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
        ),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
        (b"", ""),
    ],
)
def test_published_examples(content: bytes, text: str) -> None:
    assert encode_base58(content) == text
    assert decode_base58(text) == content


@REPEATABLE
@given(st.binary(max_size=64))
def test_what_is_written_is_read_back(content: bytes) -> None:
    assert decode_base58(encode_base58(content)) == content


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "a b", "é"])
def test_characters_outside_the_alphabet_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        decode_base58(text)
