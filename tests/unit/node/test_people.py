"""Owners that pair over a network, and what the nodes do by themselves."""

import anyio
import pytest

from crofter.api import NewPerson, PersonChange, TypedCode
from crofter.core import CrofterError, ErrorCode
from tests.unit.node.neighbours import Neighbour, on, paired, refused, street, until

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def test_one_asks_the_other_accepts_and_both_have_names(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        asked = await ada.people.add(NewPerson(id=bob.id, name="Robert"))
        assert (asked.state, asked.name, asked.problem) == ("asked", "Robert", "")
        [request] = bob.people.all()
        assert (request.state, request.name, request.their_name) == ("asked_us", "", "ada")
        accepted = await bob.people.accept(request.fingerprint)
        assert (accepted.state, accepted.name) == ("trusted", "ada")
        assert ada.people.get("Robert").state == "trusted"
        assert bob.people.rename("ada", PersonChange(name="Granny")).name == "Granny"


async def test_accepting_is_for_those_who_ask(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        await ada.people.add(NewPerson(id=bob.id))
        await refused(ErrorCode.CONFLICT, lambda: ada.people.accept(bob.id))
        await refused(ErrorCode.NOT_FOUND, lambda: ada.people.refuse("nobody"))


async def test_a_refusal_reaches_who_asked(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        await ada.people.add(NewPerson(id=bob.id))
        assert (await bob.people.refuse(ada.id)).state == "stranger"
        assert ada.people.all() == bob.people.all() == []


async def test_forgetting_ends_it_for_both_and_hangs_up(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        await paired(ada, bob)
        gone = await bob.people.forget("ada")
        assert (gone.state, gone.name, gone.problem) == ("stranger", "ada", "")
        assert ada.people.all() == bob.people.all() == []
        await until(lambda: not ada.peers.lines() and not bob.peers.lines())


async def test_the_blocked_get_no_connection(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        await bob.people.block(ada.id)
        asked = await ada.people.add(NewPerson(id=bob.id))
        assert asked.problem
        assert [person.state for person in bob.people.all()] == ["blocked"]


async def test_who_could_not_be_reached_is_told_by_itself(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada) as network:
        assert (await ada.people.add(NewPerson(id=bob.id))).problem
        async with on(network, bob), anyio.create_task_group() as tasks:
            ada.knows(bob)
            tasks.start_soon(ada.people.run)
            await until(lambda: [person.state for person in bob.people.all()] == ["asked_us"])
            tasks.cancel_scope.cancel()


async def test_who_was_away_when_forgotten_learns_it_once_connected(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada) as network:
        async with on(network, bob):
            ada.knows(bob)
            await paired_by(ada, bob)
        assert (await ada.people.forget("bob")).problem
        assert bob.book.standing(ada.node_id) == "trusted"
        async with on(network, bob), anyio.create_task_group() as tasks:
            bob.knows(ada)
            await bob.people.add(NewPerson(id=ada.id))
            assert bob.book.standing(ada.node_id) == "stranger"
            tasks.cancel_scope.cancel()


async def paired_by(one: Neighbour, other: Neighbour) -> None:
    other.knows(one)
    await paired(one, other)


async def test_a_code_pairs_both_without_a_question(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        bob.near = [ada.node_id]
        found = await bob.people.use_code(TypedCode(code=ada.people.show_code().code))
        assert (found.state, found.name) == ("trusted", "ada")
        assert ada.people.get(ada.people.code().paired_with).state == "trusted"
        assert ada.people.code().ended


async def test_a_wrong_code_tells_nothing_and_is_counted(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        right, other = ada.people.show_code().code, ada.people.show_code().code
        assert right != other
        await refused(ErrorCode.FORBIDDEN, lambda: bob.people.use_code(TypedCode(code=right, id=ada.id)))
        assert ada.people.code().wrong_guesses == 1
        assert ada.people.all() == bob.people.all() == []
        ada.people.withdraw_code()
        await refused(ErrorCode.FORBIDDEN, lambda: bob.people.use_code(TypedCode(code=other, id=ada.id)))


async def test_a_code_goes_to_nobody_it_cannot_be_of(ada: Neighbour, bob: Neighbour, cleo: Neighbour) -> None:
    async with street(ada, bob, cleo):
        code = ada.people.show_code().code
        bob.near = [cleo.node_id]
        await refused(ErrorCode.NOT_FOUND, lambda: bob.people.use_code(TypedCode(code=code)))
        await refused(ErrorCode.INVALID_REQUEST, lambda: bob.people.use_code(TypedCode(code=code, id=cleo.id)))
        assert bob.peers.lines() == ()


async def test_no_code_has_been_shown(ada: Neighbour) -> None:
    with pytest.raises(CrofterError) as caught:
        ada.people.code()
    assert caught.value.code is ErrorCode.NOT_FOUND
