"""Pools among nodes whose mail is carried by hand: joining, leaving, removing, an owner that is away, and forged papers."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import pytest

from crofter.core import CrofterError, ErrorCode
from crofter.store import Database, PoolRecords
from crofter.trust import Identity, Mail, PoolAsk, PoolInvite, PoolJoin, PoolLeave, PoolNews, Pools
from crofter.trust.pool_papers import (
    INVITATION_SECONDS,
    LIST_SECONDS,
    Invitation,
    MemberList,
    Signed,
    accepted_invitation,
    read_invitation,
    read_list,
    signed_invitation,
    signed_list,
)
from crofter.trust.pools import MOST_INVITATIONS
from tests.fakes import Clock


class Node:
    def __init__(self, folder: Path, number: int, clock: Clock) -> None:
        self.identity = Identity(bytes([number]) * 32)
        self.node_id = self.identity.node_id
        self._records = PoolRecords(Database.open(folder / f"{number}.db", bytes(32)))
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        self.pools = Pools(self._records, self.identity, clock=self._clock)

    def trusts(self, *others: "Node") -> bool:
        return all(self.pools.is_member(other.node_id) for other in others)


class World:
    """Carries mail as the wire does, to those that are not away."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.ada, self.bob, self.cleo, self.mallory = (Node(folder, number, self.clock) for number in range(1, 5))
        self.away: list[Node] = []
        self._nodes = {node.node_id: node for node in (self.ada, self.bob, self.cleo, self.mallory)}

    def carry(self, sender: Node, mail: Iterable[Mail]) -> None:
        for to, message in mail:
            receiver = self._nodes[to]
            if receiver in self.away or sender in self.away:
                continue
            packed = msgspec.msgpack.encode(message)
            match message:
                case PoolInvite():
                    receiver.pools.invited(sender.node_id, msgspec.msgpack.decode(packed, type=PoolInvite))
                case PoolNews():
                    receiver.pools.heard(msgspec.msgpack.decode(packed, type=PoolNews))
                case PoolLeave():
                    self.carry(receiver, receiver.pools.left(sender.node_id, message))

    def join(self, member: Node, accepted: PoolJoin) -> None:
        packed = msgspec.msgpack.encode(accepted)
        news, others = self.ada.pools.joined(member.node_id, msgspec.msgpack.decode(packed, type=PoolJoin))
        member.pools.heard(news)
        self.carry(self.ada, others)

    def admit(self, *members: Node) -> None:
        """Ada's pool, with these in it."""
        if not self.ada.pools.book.all():
            self.ada.pools.create("home")
        for member in members:
            self.carry(self.ada, [self.ada.pools.invite(self.ada.pools.book.find("home"), member.node_id)])
            self.join(member, member.pools.accept(member.pools.book.find("home")))

    def ask(self, asker: Node) -> None:
        for whom, question in asker.pools.asking():
            for node_id in whom:
                if (asked := self._nodes[node_id]) not in self.away:
                    asker.pools.heard(asked.pools.asked(asker.node_id, question))
                    break


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused(call: Callable[[], object], code: ErrorCode = ErrorCode.FORBIDDEN) -> str:
    with pytest.raises(CrofterError) as caught:
        call()
    assert caught.value.code is code
    return caught.value.message


def members(node: Node) -> int:
    return len(node.pools.book.member_ids(node.pools.book.find("home")))


def test_members_trust_each_other_and_nobody_is_in_who_has_not_accepted(world: World) -> None:
    world.admit(world.bob)
    world.carry(world.ada, [world.ada.pools.invite(world.ada.pools.book.find("home"), world.cleo.node_id)])
    assert not world.ada.trusts(world.cleo)
    assert not world.cleo.trusts(world.ada)
    world.admit(world.cleo)
    for one in (world.ada, world.bob, world.cleo):
        assert one.trusts(world.ada, world.bob, world.cleo)
    assert not world.bob.trusts(world.mallory)


def test_a_restart_changes_nothing(world: World) -> None:
    world.admit(world.bob, world.cleo)
    for one in (world.ada, world.bob):
        one.restart()
        assert one.trusts(world.ada, world.bob, world.cleo)


def test_whom_the_owner_removes_is_out_at_once_where_the_news_reaches(world: World) -> None:
    world.admit(world.bob, world.cleo)
    pool = world.ada.pools.book.find("home")
    world.carry(world.ada, world.ada.pools.remove(pool, world.cleo.node_id))
    assert not world.ada.trusts(world.cleo)
    assert not world.bob.trusts(world.cleo)
    assert world.bob.trusts(world.ada)
    assert world.cleo.pools.book.all() == []


def test_who_the_news_of_a_removal_did_not_reach_trusts_for_an_hour_at_most(world: World) -> None:
    world.admit(world.bob, world.cleo)
    world.away = [world.bob]
    pool = world.ada.pools.book.find("home")
    world.carry(world.ada, world.ada.pools.remove(pool, world.cleo.node_id))
    world.clock.now += LIST_SECONDS - 1
    assert world.bob.trusts(world.cleo)
    world.clock.now += 1
    assert not world.bob.trusts(world.cleo)
    assert not world.bob.trusts(world.ada)


def test_members_ask_before_the_hour_is_over_and_another_member_answers_while_the_owner_is_away(world: World) -> None:
    world.admit(world.bob, world.cleo)
    world.clock.now += LIST_SECONDS / 3
    world.ask(world.bob)
    world.away = [world.ada]
    world.clock.now += LIST_SECONDS / 2
    world.ask(world.cleo)
    world.clock.now += LIST_SECONDS / 3
    assert world.cleo.trusts(world.bob, world.ada)
    world.clock.now += LIST_SECONDS
    assert not world.cleo.trusts(world.bob)


def test_an_owner_that_comes_back_is_asked_although_its_list_has_expired(world: World) -> None:
    world.admit(world.bob)
    world.clock.now += 3 * LIST_SECONDS
    world.bob.restart()
    assert not world.bob.trusts(world.ada)
    world.ask(world.bob)
    assert world.bob.trusts(world.ada)


def test_the_owner_signs_again_in_time_and_no_sooner(world: World) -> None:
    world.admit(world.bob)
    assert world.ada.pools.renewed() == []
    world.clock.now += LIST_SECONDS / 3
    world.carry(world.ada, world.ada.pools.renewed())
    world.clock.now += LIST_SECONDS * 0.9
    assert world.bob.trusts(world.ada)


def test_who_leaves_is_out_for_all_and_a_pool_ends_with_its_owner(world: World) -> None:
    world.admit(world.bob, world.cleo)
    world.carry(world.bob, world.bob.pools.leave(world.bob.pools.book.find("home")))
    assert not any(one.trusts(world.bob) for one in (world.ada, world.cleo))
    assert members(world.cleo) == 2
    world.carry(world.ada, world.ada.pools.leave(world.ada.pools.book.find("home")))
    assert not world.cleo.trusts(world.ada)
    assert world.cleo.pools.book.all() == world.ada.pools.book.all() == []


def test_an_invitation_taken_back_is_gone_here_and_there(world: World) -> None:
    pool = world.ada.pools.create("home")
    world.carry(world.ada, [world.ada.pools.invite(pool, world.bob.node_id)])
    accepted = world.bob.pools.accept(world.bob.pools.book.find("home"))
    world.carry(world.ada, world.ada.pools.remove(world.ada.pools.book.find("home"), world.bob.node_id))
    assert world.bob.pools.book.all() == []
    refused(lambda: world.join(world.bob, accepted))
    assert not world.ada.trusts(world.bob)


def test_an_acceptance_said_again_after_the_removal_lets_nobody_in(world: World) -> None:
    world.ada.pools.create("home")
    world.carry(world.ada, [world.ada.pools.invite(world.ada.pools.book.find("home"), world.bob.node_id)])
    accepted = world.bob.pools.accept(world.bob.pools.book.find("home"))
    world.join(world.bob, accepted)
    # Its answer may have been lost: said again while it holds, it is answered again.
    world.join(world.bob, accepted)
    assert world.ada.trusts(world.bob)
    world.carry(world.ada, world.ada.pools.remove(world.ada.pools.book.find("home"), world.bob.node_id))
    refused(lambda: world.join(world.bob, accepted))
    assert not world.ada.trusts(world.bob)


def test_who_was_removed_can_be_invited_again_even_if_they_never_heard(world: World) -> None:
    world.admit(world.bob)
    world.away = [world.bob]
    world.carry(world.ada, world.ada.pools.remove(world.ada.pools.book.find("home"), world.bob.node_id))
    world.away = []
    world.admit(world.bob)
    assert world.bob.trusts(world.ada)


def test_an_old_list_changes_nothing(world: World) -> None:
    world.admit(world.bob, world.cleo)
    old = world.bob.pools.asked(world.cleo.node_id, PoolAsk(pool_id=world.bob.pools.book.find("home").pool_id))
    world.carry(world.ada, world.ada.pools.remove(world.ada.pools.book.find("home"), world.cleo.node_id))
    world.bob.pools.heard(old)
    assert not world.bob.trusts(world.cleo)


def test_an_owners_store_from_a_backup_does_not_fall_behind_its_lists(world: World) -> None:
    world.admit(world.bob)
    before = world.ada.pools.book.find("home")
    world.clock.now += 60
    world.admit(world.cleo)
    world.ada.pools.book.keep(before)
    world.clock.now += 60
    world.carry(world.ada, world.ada.pools.remove(before, world.bob.node_id))
    assert world.bob.pools.book.all() == []


def test_expired_invitations_are_refused_wherever_they_turn_up(world: World) -> None:
    pool = world.ada.pools.create("home")
    late = world.ada.pools.invite(pool, world.cleo.node_id)
    world.carry(world.ada, [world.ada.pools.invite(world.ada.pools.book.find("home"), world.bob.node_id)])
    accepted = world.bob.pools.accept(world.bob.pools.book.find("home"))
    world.clock.now += INVITATION_SECONDS
    refused(lambda: world.bob.pools.accept(world.bob.pools.book.find("home")), ErrorCode.CONFLICT)
    refused(lambda: world.join(world.bob, accepted))
    refused(lambda: world.carry(world.ada, [late]))


def test_nobody_invites_in_anothers_name_or_passes_an_invitation_on(world: World) -> None:
    pool = world.ada.pools.create("home")
    for_bob = world.ada.pools.invite(pool, world.bob.node_id)
    assert isinstance(for_bob.message, PoolInvite)
    message = for_bob.message
    refused(lambda: world.bob.pools.invited(world.mallory.node_id, message))
    refused(lambda: world.cleo.pools.invited(world.ada.node_id, message))
    forged = msgspec.structs.replace(read_invitation(message.invitation), member=world.mallory.node_id)
    forged_paper = signed_invitation(world.mallory.identity, forged)
    refused(lambda: world.mallory.pools.invited(world.ada.node_id, PoolInvite(invitation=forged_paper)))
    stolen = accepted_invitation(world.mallory.identity, message.invitation)
    refused(lambda: world.ada.pools.joined(world.mallory.node_id, PoolJoin(membership=stolen)))
    refused(lambda: world.ada.pools.joined(world.bob.node_id, PoolJoin(membership=stolen)))


def test_another_owner_cannot_take_a_pool_over_by_its_id(world: World) -> None:
    world.admit(world.bob)
    paper = Invitation(
        pool_id=world.bob.pools.book.find("home").pool_id,
        pool_name="home",
        owner=world.mallory.node_id,
        member=world.bob.node_id,
        issued_at=int(world.clock.now),
        expires_at=int(world.clock.now) + 100,
    )
    invitation = signed_invitation(world.mallory.identity, paper)
    refused(lambda: world.bob.pools.invited(world.mallory.node_id, PoolInvite(invitation=invitation)))
    accepted = accepted_invitation(world.bob.identity, invitation)
    mine = member_list(world, owner=world.mallory, members=(accepted,))
    world.bob.pools.heard(PoolNews(members=signed_list(world.mallory.identity, mine)))
    assert not world.bob.trusts(world.mallory)


def member_list(world: World, *, owner: Node, **changes: object) -> MemberList:
    now = int(world.clock.now)
    fields = {
        "pool_id": world.bob.pools.book.find("home").pool_id,
        "pool_name": "home",
        "owner": owner.node_id,
        "version": 2**60,
        "issued_at": now,
        "expires_at": now + LIST_SECONDS,
        "members": (),
    }
    return msgspec.convert(fields | changes, MemberList)


def test_lists_that_do_not_hold_are_refused(world: World) -> None:
    world.admit(world.bob, world.cleo)
    now, ada = int(world.clock.now), world.ada
    newest = world.bob.pools.book.find("home").newest
    assert newest is not None
    good = read_list(newest, now).paper
    foreign = world.mallory.pools.create("elsewhere")
    elsewhere = Invitation(
        pool_id=foreign.pool_id,
        pool_name="elsewhere",
        owner=ada.node_id,
        member=world.mallory.node_id,
        issued_at=now,
        expires_at=now + 100,
    )
    stranger = accepted_invitation(world.mallory.identity, signed_invitation(ada.identity, elsewhere))
    unwilling = msgspec.structs.replace(good.members[0], acceptance=bytes(64))
    papers = {
        "not its owner's": signed_list(world.mallory.identity, good),
        "expired": signed_list(ada.identity, member_list(world, owner=ada, issued_at=now - 100, expires_at=now)),
        "from the future": signed_list(
            ada.identity, member_list(world, owner=ada, issued_at=now + 200, expires_at=now + 300)
        ),
        "for too long": signed_list(ada.identity, member_list(world, owner=ada, expires_at=now + LIST_SECONDS + 1)),
        "of another pool": signed_list(ada.identity, member_list(world, owner=ada, members=(stranger,))),
        "against a will": signed_list(ada.identity, member_list(world, owner=ada, members=(unwilling,))),
        "changed": Signed(newest.body[:-1] + bytes([newest.body[-1] ^ 1]), newest.signature),
        "no list": Signed(b"\x00", newest.signature),
        "a signed invitation": good.members[0].invitation,
    }
    for why, paper in papers.items():
        message = refused(lambda paper=paper: world.bob.pools.heard(PoolNews(members=paper)))
        assert message, why
    assert world.bob.trusts(world.ada, world.cleo)
    assert not world.bob.trusts(world.mallory)


def test_outsiders_learn_nothing_of_a_pool_and_cannot_send_anyone_away(world: World) -> None:
    world.admit(world.bob)
    pool_id = world.ada.pools.book.find("home").pool_id
    known = refused(lambda: world.ada.pools.asked(world.mallory.node_id, PoolAsk(pool_id=pool_id)))
    unknown = refused(lambda: world.ada.pools.asked(world.mallory.node_id, PoolAsk(pool_id=bytes(16))))
    assert known == unknown
    assert world.ada.pools.left(world.mallory.node_id, PoolLeave(pool_id=pool_id)) == []
    assert world.bob.pools.left(world.mallory.node_id, PoolLeave(pool_id=pool_id)) == []
    assert world.ada.trusts(world.bob)


def test_only_the_owner_invites_and_removes(world: World) -> None:
    world.admit(world.bob, world.cleo)
    pool = world.bob.pools.book.find("home")
    refused(lambda: world.bob.pools.invite(pool, world.mallory.node_id))
    refused(lambda: world.bob.pools.remove(pool, world.cleo.node_id))
    own = world.ada.pools.book.find("home")
    refused(lambda: world.ada.pools.invite(own, world.ada.node_id), ErrorCode.CONFLICT)
    refused(lambda: world.ada.pools.invite(own, world.bob.node_id), ErrorCode.CONFLICT)
    refused(lambda: world.ada.pools.remove(own, world.mallory.node_id), ErrorCode.NOT_FOUND)


def test_invitations_that_wait_are_bounded(world: World) -> None:
    for number in range(MOST_INVITATIONS + 1):
        pool = world.mallory.pools.create(f"pool {number}")
        invite = world.mallory.pools.invite(pool, world.bob.node_id)
        if number < MOST_INVITATIONS:
            world.carry(world.mallory, [invite])
        else:
            refused(lambda invite=invite: world.carry(world.mallory, [invite]))
    assert len(world.bob.pools.book.all()) == MOST_INVITATIONS


def test_pools_are_found_by_name_or_id_and_names_of_ones_own_differ(world: World) -> None:
    pool = world.ada.pools.create(" Home\n")
    assert world.ada.pools.book.find("home") == world.ada.pools.book.find(pool.pool_id.hex()) == pool
    refused(lambda: world.ada.pools.create("HOME"), ErrorCode.CONFLICT)
    refused(lambda: world.ada.pools.create("\u200b"), ErrorCode.INVALID_REQUEST)
    refused(lambda: world.ada.pools.book.find("away"), ErrorCode.NOT_FOUND)
    other = world.mallory.pools.create("home")
    world.carry(world.mallory, [world.mallory.pools.invite(other, world.ada.node_id)])
    assert pool.pool_id.hex() in refused(lambda: world.ada.pools.book.find("home"), ErrorCode.CONFLICT)


def test_list_of_a_pool_that_nobody_here_knows_is_passed_over_unread(world: World) -> None:
    world.admit(world.bob)
    [before] = world.bob.pools.book.all()
    paper = member_list(world, owner=world.mallory, pool_id=bytes(16))
    world.bob.pools.heard(PoolNews(members=Signed(signed_list(world.mallory.identity, paper).body, bytes(64))))
    assert world.bob.pools.book.all() == [before]
