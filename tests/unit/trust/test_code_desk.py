"""A code between two nodes, and the ways to get in without it."""

from pathlib import Path

import pytest

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import Database, PeopleRecords
from crofter.trust import CodeDesk, CodeExchange, CodeHello, CodeProof, Identity, People, parse_code
from crofter.trust.code_desk import CODE_SECONDS, MOST_EXCHANGES
from tests.fakes import Clock

ADA, BOB, MALLORY = (Identity(bytes([number]) * 32).node_id for number in (1, 2, 3))
"""Ada shows the code, Bob types it."""


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(PeopleRecords(Database.open(tmp_path / "ada.db", bytes(32))), ADA)


@pytest.fixture
def desk(people: People, clock: Clock) -> CodeDesk:
    return CodeDesk(people, ADA, clock=clock)


def typed(code: str, by: NodeId = BOB, *, shown_by: NodeId = ADA) -> CodeExchange:
    return CodeExchange(parse_code(code), typed_by=by, shown_by=shown_by, own_id=by)


def another(code: str) -> str:
    """A code of the same node that is not the one shown."""
    digits = parse_code(code)
    for number in range(10**9):
        guess = f"{digits[:3]}{number:09d}"
        try:
            if parse_code(guess) != digits:
                return guess
        except CrofterError:
            continue
    raise AssertionError


def attempt(desk: CodeDesk, exchange: CodeExchange, caller: NodeId = BOB) -> bool:
    """Whether the caller was let in, and had a proof of it that holds."""
    exchange.meet(desk.hello(caller, exchange.hello))
    return exchange.holds(desk.prove(caller, exchange.proof()))


def refused(desk: CodeDesk, exchange: CodeExchange, caller: NodeId = BOB) -> str:
    with pytest.raises(CrofterError) as caught:
        attempt(desk, exchange, caller)
    assert caught.value.code is ErrorCode.FORBIDDEN
    return caught.value.message


def test_the_right_code_pairs_and_is_used_up(desk: CodeDesk, people: People) -> None:
    code = desk.show().code
    assert attempt(desk, typed(code))
    # The owner's yes; theirs comes by itself as the typing side says it.
    assert people.waiting() == [BOB]
    shown = desk.shown()
    assert shown is not None
    assert (shown.paired_with, shown.ended) == (BOB, True)
    assert refused(desk, typed(code, MALLORY), MALLORY) == "no pairing code is shown here."


def test_three_wrong_guesses_end_it_whoever_makes_them(desk: CodeDesk, people: People) -> None:
    code = desk.show().code
    for caller in (MALLORY, BOB, NodeId(b"x" * 32)):
        assert refused(desk, typed(another(code), caller), caller) == "the code is another."
    assert refused(desk, typed(code)) == "no pairing code is shown here."
    assert people.all() == []


def test_open_tries_are_no_way_around_the_count(desk: CodeDesk) -> None:
    code = desk.show().code
    guesses = {
        NodeId(bytes([number]) * 32): typed(another(code), NodeId(bytes([number]) * 32)) for number in range(10, 20)
    }
    for caller, guess in guesses.items():
        guess.meet(desk.hello(caller, guess.hello))
    wrong = 0
    for caller, guess in guesses.items():
        with pytest.raises(CrofterError) as caught:
            desk.prove(caller, guess.proof())
        wrong += caught.value.message == "the code is another."
    assert wrong == 3


def test_a_try_is_proven_once(desk: CodeDesk) -> None:
    guess = typed(another(desk.show().code))
    guess.meet(desk.hello(BOB, guess.hello))
    for message in ("the code is another.", "no pairing code is shown here."):
        with pytest.raises(CrofterError, match=message):
            desk.prove(BOB, guess.proof())


def test_the_number_of_tries_is_bounded_over_all_callers(desk: CodeDesk) -> None:
    code = desk.show().code
    for number in range(MOST_EXCHANGES):
        caller = NodeId(number.to_bytes(32))
        desk.hello(caller, typed(code, caller).hello)
    assert refused(desk, typed(code)) == "no pairing code is shown here."


def test_a_code_ends_after_some_minutes_by_withdrawal_and_by_a_new_one(desk: CodeDesk, clock: Clock) -> None:
    old = desk.show().code
    clock.now += CODE_SECONDS
    assert refused(desk, typed(old)) == "no pairing code is shown here."
    first = desk.show().code
    assert attempt(desk, typed(desk.show().code))
    assert refused(desk, typed(first)) == "no pairing code is shown here."
    withdrawn = desk.show().code
    desk.withdraw()
    assert refused(desk, typed(withdrawn)) == "no pairing code is shown here."


def test_an_exchange_begun_in_time_is_not_ended_late(desk: CodeDesk, clock: Clock) -> None:
    exchange = typed(desk.show().code)
    exchange.meet(desk.hello(BOB, exchange.hello))
    clock.now += CODE_SECONDS
    with pytest.raises(CrofterError, match="no pairing code"):
        desk.prove(BOB, exchange.proof())


def test_no_code_is_shown_unless_the_owner_asks(desk: CodeDesk) -> None:
    assert desk.shown() is None
    assert refused(desk, typed(another("000000000000"))) == "no pairing code is shown here."


def test_a_man_in_the_middle_who_passes_messages_on_gets_nothing(desk: CodeDesk, people: People) -> None:
    """Bob dialled Mallory and thinks her Ada; she passes all he says on to Ada, who proves her caller to be Mallory."""
    bob = typed(desk.show().code, BOB, shown_by=MALLORY)
    bob.meet(desk.hello(MALLORY, bob.hello))
    with pytest.raises(CrofterError, match="the code is another"):
        desk.prove(MALLORY, bob.proof())
    assert people.all() == []


def test_who_shows_no_code_cannot_make_the_typing_side_believe_it(desk: CodeDesk) -> None:
    code = desk.show().code
    bob = typed(code, BOB, shown_by=MALLORY)
    mallory = CodeExchange(parse_code(another(code)), typed_by=BOB, shown_by=MALLORY, own_id=MALLORY)
    mallory.meet(bob.hello)
    bob.meet(mallory.hello)
    assert not bob.holds(mallory.proof())
    # Neither does his own proof sent back to him.
    assert not bob.holds(bob.proof())


def test_the_try_of_one_is_not_proven_by_another(desk: CodeDesk) -> None:
    bob = typed(desk.show().code)
    bob.meet(desk.hello(BOB, bob.hello))
    with pytest.raises(CrofterError, match="no pairing code"):
        desk.prove(MALLORY, bob.proof())


@pytest.mark.parametrize(
    "message", [b"A" + bytes(32), b"A" + b"\xff" * 32, b"A" + (1).to_bytes(32, "little"), b"B" * 33, b"?" * 33]
)
def test_shares_that_no_honest_node_sends_are_refused_and_counted(desk: CodeDesk, message: bytes) -> None:
    desk.show()
    with pytest.raises(CrofterError, match="no share"):
        desk.hello(MALLORY, CodeHello(message=message))
    shown = desk.shown()
    assert shown is not None
    assert shown.wrong_guesses == 1


def test_our_own_share_sent_back_is_refused() -> None:
    bob = typed(another("000000000000"))
    with pytest.raises(ValueError, match="other side"):
        bob.meet(bob.hello)


def test_there_is_no_proof_before_both_shares() -> None:
    bob = typed(another("000000000000"))
    with pytest.raises(RuntimeError):
        bob.holds(CodeProof(proof=bytes(32)))
