import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.trust import Identity, did_key, fingerprint, parse_node_id, readable_id
from crofter.trust.bech32m import ALPHABET

REPEATABLE = settings(deadline=None, derandomize=True)

ZERO = Identity(bytes(32)).node_id
node_ids = st.binary(min_size=32, max_size=32).map(NodeId)


def refused(text: str) -> str:
    with pytest.raises(CrofterError) as raised:
        parse_node_id(text)
    assert raised.value.code is ErrorCode.INVALID_REQUEST
    assert raised.value.parameter == "id"
    return raised.value.message


def test_a_published_did_key() -> None:
    assert ZERO.hex() == "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
    assert did_key(ZERO) == "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"


def test_the_readable_form_is_bech32m_in_groups() -> None:
    shown = readable_id(ZERO)
    assert [len(group) for group in shown.split("-")] == [6, *[4] * 13, 6]
    assert shown.startswith(f"croft1-{fingerprint(ZERO)}-")


@REPEATABLE
@given(node_ids)
def test_both_forms_are_read_back(node_id: NodeId) -> None:
    assert parse_node_id(did_key(node_id)) == parse_node_id(readable_id(node_id)) == node_id


@REPEATABLE
@given(node_ids, st.sampled_from(("", " ", "-", "\u2013", "\u00a0", "\n")), st.booleans())
def test_case_spaces_and_dashes_do_not_matter(node_id: NodeId, separator: str, capitals: bool) -> None:
    text = readable_id(node_id).replace("-", separator)
    assert parse_node_id(f" {text.upper() if capitals else text}\n") == node_id


@REPEATABLE
@given(node_ids, st.sampled_from((("0", "o"), ("0", "O"), ("l", "1"), ("l", "I"), ("8", "B"))))
def test_look_alikes_do_not_matter(node_id: NodeId, pair: tuple[str, str]) -> None:
    assert parse_node_id(readable_id(node_id).replace(*pair)) == node_id


def test_any_single_wrong_character_is_found() -> None:
    shown = readable_id(ZERO)
    for at, right in enumerate(shown):
        for wrong in ALPHABET.replace(right, "") if right != "-" else "":
            typed = f"{shown[:at]}{wrong}{shown[at + 1 :]}"
            # In the beginning, l and 1, 0 and o are each other's look-alikes: then nothing is wrong.
            if at < 6 and typed[:6].translate(str.maketrans("01", "ol")) == "croftl":
                assert parse_node_id(typed) == ZERO
            else:
                refused(typed)


@REPEATABLE
@given(node_ids)
def test_any_two_neighbours_swapped_are_found(node_id: NodeId) -> None:
    code = readable_id(node_id).replace("-", "")
    for at in range(len(code) - 1):
        if len({*code[at : at + 2]}) == 2 and code[at : at + 2] != "1l":
            refused(f"{code[:at]}{code[at + 1]}{code[at]}{code[at + 2 :]}")


@REPEATABLE
@given(node_ids, st.integers(min_value=0, max_value=63), st.sampled_from(ALPHABET))
def test_a_lost_and_an_added_character_are_found(node_id: NodeId, at: int, added: str) -> None:
    code = readable_id(node_id).replace("-", "")
    refused(code[:at] + code[at + 1 :])
    refused(code[:at] + added + code[at:])


@pytest.mark.parametrize(
    "text",
    [
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWq",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MKiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW0",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",  # secp256k1
        "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",  # X25519
        "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#key-1",
        "did:web:example.org",
        "did:key:z",
    ],
)
def test_what_is_not_exactly_the_did_key_of_an_ed25519_key_is_refused(text: str) -> None:
    if text.endswith("DooWq"):
        # did:key has no check characters: another last character is another key.
        assert parse_node_id(text) != ZERO
    else:
        assert "did:key" in refused(text)


@pytest.mark.parametrize(
    "text", ["", "croft1", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", "croft1" + "q" * 300, "żółw"]
)
def test_what_is_no_id_at_all_is_refused(text: str) -> None:
    assert "node's id" in refused(text)


@REPEATABLE
@given(st.text(max_size=250))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        node_id = parse_node_id(text)
    except CrofterError:
        return
    assert len(node_id) == 32
