import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.trust.bech32m import ALPHABET, decode_bech32m, encode_bech32m

REPEATABLE = settings(deadline=None, derandomize=True)

# BIP-350's vectors.
VALID = (
    "a1lqfn3a",
    "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
    "?1v759aa",
)
WITH_CONTENT = (
    "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
    "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
)
NO_BYTES = f"11{'l' * 82}ludsr8"
WRONG = (
    "a1lqfn3b",
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
    "in1muywd",
    "mm1crxm3i",
    "m1vuxwez",
    "au1s5cgo",
)


def parts(text: str) -> tuple[str, str]:
    prefix, _, code = text.rpartition("1")
    return prefix, code


@pytest.mark.parametrize("text", VALID)
def test_published_examples_without_content(text: str) -> None:
    prefix, code = parts(text)
    assert decode_bech32m(prefix, code) == b""
    assert encode_bech32m(prefix, b"") == text


@pytest.mark.parametrize("text", WITH_CONTENT)
def test_published_examples_with_content(text: str) -> None:
    prefix, code = parts(text)
    assert encode_bech32m(prefix, decode_bech32m(prefix, code)) == text


def test_data_that_is_no_whole_number_of_bytes_is_refused_though_its_checksum_holds() -> None:
    with pytest.raises(ValueError, match="does not end"):
        decode_bech32m("1", NO_BYTES.removeprefix("11"))


@pytest.mark.parametrize("text", WRONG)
def test_published_wrong_examples_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"mistyped|cannot stand"):
        decode_bech32m(*parts(text))


@REPEATABLE
@given(st.binary(max_size=40))
def test_what_is_written_is_read_back(content: bytes) -> None:
    prefix, code = parts(encode_bech32m("croft", content))
    assert decode_bech32m(prefix, code) == content


@REPEATABLE
@given(st.binary(min_size=32, max_size=32), st.integers(min_value=1, max_value=4), st.randoms(use_true_random=False))
def test_up_to_four_wrong_characters_are_always_found(content: bytes, count: int, chance: random.Random) -> None:
    _, code = parts(encode_bech32m("croft", content))
    wrong = list(code)
    for at in chance.sample(range(len(code)), count):
        wrong[at] = chance.choice(ALPHABET.replace(code[at], ""))
    with pytest.raises(ValueError, match="mistyped"):
        decode_bech32m("croft", "".join(wrong))
