"""Pools over a network: what the owners do, and what the nodes do by themselves."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from crofter.api import NewPool
from crofter.core import CrofterError, ErrorCode
from crofter.trust import fingerprint
from tests.unit.node.neighbours import Neighbour, on, paired, refused, street, until

pytestmark = [pytest.mark.anyio, pytest.mark.virtual_time]


async def admit(owner: Neighbour, *members: Neighbour) -> None:
    for member in members:
        await paired(owner, member)
        invited = await owner.pools.invite("home", member.name)
        assert invited.problem == ""
        await member.pools.accept("home")


@asynccontextmanager
async def home_of(owner: Neighbour, *members: Neighbour) -> AsyncGenerator[None]:
    """They are in a pool of the owner's, who tells them the news."""
    async with street(owner, *members), anyio.create_task_group() as tasks:
        tasks.start_soon(owner.pools.run)
        owner.pools.create(NewPool(name="home"))
        await admit(owner, *members)
        yield
        tasks.cancel_scope.cancel()


async def test_members_trust_each_other_once_the_owner_has_told_them(
    ada: Neighbour, bob: Neighbour, cleo: Neighbour
) -> None:
    async with home_of(ada, bob, cleo):
        await until(lambda: bob.book.standing(cleo.node_id) == cleo.book.standing(bob.node_id) == "trusted")
        shown = {member.name: member.state for member in bob.pools.get("home").members}
        assert shown == {"ada": "owner", "this node": "member", fingerprint(cleo.node_id): "member"}


async def test_who_is_removed_is_out_at_once_and_who_leaves_is_too(
    ada: Neighbour, bob: Neighbour, cleo: Neighbour
) -> None:
    async with home_of(ada, bob, cleo):
        await until(lambda: bob.book.standing(cleo.node_id) == "trusted")
        removed = await ada.pools.remove("home", "cleo")
        assert (len(removed.members), removed.problem) == (2, "")
        assert bob.book.standing(cleo.node_id) == "stranger"
        assert cleo.pools.all() == []
        # Paired they stay: that is another decision.
        assert ada.book.standing(cleo.node_id) == "trusted"
        await bob.pools.leave("home")
        assert len(ada.pools.get("home").members) == 1


async def test_only_the_paired_are_invited_and_an_invitation_can_be_taken_back(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        ada.pools.create(NewPool(name="home"))
        await refused(ErrorCode.CONFLICT, lambda: ada.pools.invite("home", bob.id))
        await paired(ada, bob)
        invited = await ada.pools.invite("home", "bob")
        assert [member.state for member in invited.members] == ["owner", "invited"]
        assert bob.pools.get("home").role == "invited"
        await ada.pools.remove("home", "bob")
        assert bob.pools.all() == []
        await refused(ErrorCode.NOT_FOUND, lambda: ada.pools.remove("home", "bob"))


async def test_whom_the_news_did_not_reach_is_said(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada) as network:
        ada.pools.create(NewPool(name="home"))
        async with on(network, bob):
            ada.knows(bob)
            bob.knows(ada)
            await admit(ada, bob)
        ended = await ada.pools.leave("home")
        assert ended.problem.startswith("bob: ")
        assert ada.pools.all() == []


async def test_an_invitation_from_a_stranger_is_refused(ada: Neighbour, bob: Neighbour) -> None:
    async with street(ada, bob):
        ada.pools.create(NewPool(name="home"))
        await paired(ada, bob)
        bob.book.forget(ada.node_id)
        refusal = (await ada.pools.invite("home", "bob")).problem
        assert refusal
        assert bob.pools.all() == []
        with pytest.raises(CrofterError):
            bob.pools.get("home")
