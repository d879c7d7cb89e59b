"""Owners that invite and join over a network in memory, and what others make of an invite."""

import time
from pathlib import Path

import anyio
import pytest

from crofter.api import InviteText, NewInvite, NewPerson
from crofter.core import CrofterError, ErrorCode
from crofter.network import JOIN, Invite, SignedRecord, read_invite, read_record, write_invite
from crofter.trust import Join
from tests.unit.node.neighbours import Neighbour, on, paired, refused, street

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


def invite_of(node: Neighbour, uses: int = 1) -> str:
    return node.invites.issue(NewInvite(uses=uses)).text


async def join(node: Neighbour, text: str, *, switch: bool = False) -> str:
    return (await node.membership.join(InviteText(text=text, switch=switch))).state


def trust(one: Neighbour, other: Neighbour) -> bool:
    return one.book.standing(other.node_id) == other.book.standing(one.node_id) == "trusted"


async def test_an_invite_pairs_both_without_a_question(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        text = invite_of(ada)
        assert await join(bob, text) == "trusted"
        assert trust(ada, bob)
        assert [person.name for person in (*ada.people.all(), *bob.people.all())] == ["bob", "ada"]
        [invite] = ada.invites.all()
        assert (invite.uses_left, invite.used_by) == (0, (bob.id,))


async def test_one_invite_is_for_one_and_the_same_may_ask_again(
    ada: Neighbour, bob: Neighbour, cleo: Neighbour
) -> None:
    async with street(ada, bob, cleo):
        text = invite_of(ada)
        assert await join(bob, text) == "trusted"
        assert await join(bob, text) == "trusted"
        assert "Ask for a new one" in await refused(ErrorCode.FORBIDDEN, lambda: join(cleo, text))
        assert cleo.people.all() == []
        assert ada.book.standing(cleo.node_id) == "stranger"


async def test_a_token_overheard_is_of_no_use_to_who_was_not_first(
    ada: Neighbour, bob: Neighbour, cleo: Neighbour
) -> None:
    async with street(ada, bob, cleo):
        text = invite_of(ada)
        await join(bob, text)
        token = read_invite(text, time.time()).token
        await refused(ErrorCode.FORBIDDEN, lambda: cleo.peers.call(ada.node_id, JOIN, Join(token)))


async def test_who_is_paired_already_uses_no_invite_up(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        await paired(ada, bob)
        text = invite_of(ada)
        assert await join(bob, text) == "trusted"
        assert ada.invites.all()[0].uses_left == 1


async def test_what_is_withdrawn_or_of_this_node_itself_is_refused(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        text = invite_of(ada)
        assert "itself" in await refused(ErrorCode.INVALID_REQUEST, lambda: join(ada, text))
        [invite] = ada.invites.all()
        assert ada.invites.revoke(invite.name) == invite
        await refused(ErrorCode.FORBIDDEN, lambda: join(bob, text))
        assert "whole invite" in await refused(ErrorCode.INVALID_REQUEST, lambda: join(bob, text[:-4]))


async def test_an_invite_that_another_wrote_in_ones_name_is_never_used(
    ada: Neighbour, bob: Neighbour, cleo: Neighbour
) -> None:
    async with street(ada, bob, cleo):
        of_ada = read_invite(invite_of(ada), time.time())
        with pytest.raises(ValueError, match="signed by the node"):
            write_invite(cleo.identity, of_ada)
        of_cleo = read_record(cleo.own.content())
        assert isinstance(of_cleo, SignedRecord)
        # Cleo's own, with the token of Ada's: it leads to Cleo, who has issued no such thing.
        forged = Invite(inviter=of_cleo, network_secret=b"", token=of_ada.token, expires_at=of_ada.expires_at)
        await refused(ErrorCode.FORBIDDEN, lambda: join(bob, write_invite(cleo.identity, forged)))
        assert ada.invites.all()[0].uses_left == 1


async def test_who_cannot_be_reached_is_said(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada) as network:
        text = invite_of(ada)
    async with on(network, bob):
        assert "has to be running" in await refused(ErrorCode.PEER_UNREACHABLE, lambda: join(bob, text))
        assert bob.people.all() == []


async def test_a_node_that_is_nowhere_invites_nobody(ada: Neighbour) -> None:
    with pytest.raises(CrofterError) as caught:
        ada.invites.issue(NewInvite())
    assert caught.value.code is ErrorCode.OFFLINE
    assert ada.invites.all() == []


async def test_guesses_are_turned_away_before_they_are_looked_at(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        invite_of(ada)
        codes: list[ErrorCode] = []
        for number in range(20):
            try:
                await bob.peers.call(ada.node_id, JOIN, Join(number.to_bytes(16)))
            except CrofterError as error:
                codes.append(error.code)
        # Who goes on all the same is hung up on.
        assert set(codes) == {ErrorCode.FORBIDDEN, ErrorCode.RATE_LIMITED, ErrorCode.PEER_REFUSED}
        assert codes.count(ErrorCode.FORBIDDEN) <= 3


async def test_an_invite_brings_who_knows_nobody_into_its_private_network(
    ada: Neighbour, bob: Neighbour, tmp_path: Path
) -> None:
    async with street(ada, bob) as network:
        assert len((await ada.membership.make()).tag) == 16
        text = invite_of(ada)
        assert await join(bob, text) == "trusted"
        assert bob.own.network.secret == ada.own.network.secret
        assert trust(ada, bob)
        stranger = Neighbour(tmp_path, "stranger")
        async with on(network, stranger):
            stranger.knows(ada)
            asked = await stranger.people.add(NewPerson(id=ada.id))
            assert "another network" in asked.problem


async def test_who_knows_somebody_has_to_say_that_they_switch(ada: Neighbour, bob: Neighbour, cleo: Neighbour) -> None:
    async with street(ada, bob, cleo):
        await paired(bob, cleo)
        await ada.membership.make()
        text = invite_of(ada)
        assert "--switch" in await refused(ErrorCode.CONFLICT, lambda: join(bob, text))
        assert bob.own.network.secret == b""
        assert await join(bob, text, switch=True) == "trusted"
        assert bob.own.network.secret == ada.own.network.secret
        assert bob.book.standing(cleo.node_id) == "trusted"


async def test_who_is_not_let_in_stays_where_it_was(ada: Neighbour, bob: Neighbour, tmp_path: Path) -> None:
    async with street(ada, bob):
        await bob.membership.make()
        own = bob.own.network.secret
        await ada.membership.make()
        text = invite_of(ada)
        ada.invites.revoke(ada.invites.all()[0].name)
        await refused(ErrorCode.FORBIDDEN, lambda: join(bob, text))
        assert bob.own.network.secret == own
        assert bob.peers.addresses()
    assert Neighbour(tmp_path, "bob").own.network.secret == own


async def test_whoever_gives_up_in_between_is_back_where_it_was(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob) as network:
        await ada.membership.make()
        text = invite_of(ada)
    async with on(network, bob):
        with anyio.move_on_after(1.0) as patience:
            await join(bob, text)
        assert patience.cancelled_caught
        assert bob.own.network.secret == b""
        assert bob.peers.addresses()


async def test_a_network_is_kept_and_ends_invites_to_the_one_before(tmp_path: Path, ada: Neighbour) -> None:
    async with street(ada):
        invite_of(ada)
        made = await ada.membership.make()
        assert ada.invites.all() == []
        await refused(ErrorCode.CONFLICT, ada.membership.make)
    again = Neighbour(tmp_path, "ada")
    assert again.own.network.shown_tag() == made.tag
    async with street(again):
        assert (await again.membership.leave()).tag == ""
        await refused(ErrorCode.CONFLICT, again.membership.leave)
    assert Neighbour(tmp_path, "ada").own.network.secret == b""


async def test_fifty_nodes_join_from_one_invite(tmp_path: Path, ada: Neighbour) -> None:
    others = [Neighbour(tmp_path, f"node {number}") for number in range(50)]
    async with street(ada, *others):
        await ada.membership.make()
        text = invite_of(ada, uses=50)
        async with anyio.create_task_group() as tasks:
            for node in others:
                tasks.start_soon(join, node, text)
        assert all(trust(ada, node) for node in others)
        assert ada.invites.all()[0].uses_left == 0
