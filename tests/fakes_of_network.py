"""Stand-ins for the owner's side of a node among others: one of everything, remembering nothing."""

import msgspec

from crofter.api import (
    CreatedInvite,
    InviteSummary,
    InviteText,
    MapLink,
    MapNode,
    Nearby,
    NetworkMap,
    NetworkMembership,
    NetworkStatus,
    NewInvite,
    NewPerson,
    NewPool,
    PairingCode,
    PeerSummary,
    PersonChange,
    PersonSummary,
    PingResult,
    PoolMember,
    PoolSummary,
    Reachability,
    ReceivedMessage,
    SentMessage,
    ServedRelay,
    Traffic,
    TypedCode,
)
from crofter.core import CrofterError, ErrorCode


class FakeNetwork:
    """A node with one peer, which is there."""

    known_one = PeerSummary(id="croft1-peer", fingerprint="peer-peer", standing="trusted", known_addresses=(), path="")

    def status(self) -> NetworkStatus:
        done = Traffic(kind="ping", direction="in", outcome="ok", count=3)
        served = ServedRelay(addresses=("192.0.2.1:7412",), clients=2, passed=30, bytes=4000, dropped=5, refused=6)
        return NetworkStatus(
            mode="private",
            state="ready",
            id="croft1-fake",
            addresses=("192.0.2.1:7412",),
            connections=1,
            reachability=Reachability(nat="mapped", seen_as=("198.51.100.1:7412",), observers=2, served=served),
            traffic=(done,),
            bytes_in=40,
            bytes_out=50,
            layers=("book", "cache"),
            remembered=3,
            refused_records={"expired": 2},
        )

    def peers(self) -> list[PeerSummary]:
        return [self.known_one]

    def nearby(self) -> list[Nearby]:
        return [Nearby(id="croft1-near", fingerprint="near-near", standing="stranger", addresses=("192.168.0.7:7412",))]

    def map(self) -> NetworkMap:
        here = MapNode(id="croft1-fake", fingerprint="fake-fake", standing="self", near=True)
        peer = MapNode(id=self.known_one.id, fingerprint="peer-peer", standing="trusted", near=False)
        link = MapLink(source=here.id, target=peer.id, path="direct", address="192.0.2.2:7412", round_trip_ms=1.0)
        return NetworkMap(nodes=(here, peer), links=(link,))

    async def ping(self, name: str) -> PingResult:
        return PingResult(
            id=self._known(name).id,
            fingerprint=self.known_one.fingerprint,
            milliseconds=1.5,
            connect_milliseconds=None,
            path="direct",
            address="192.0.2.2:7412",
            version="0",
            seen_at="192.0.2.1:7412",
        )

    async def send(self, name: str, text: str) -> SentMessage:
        return SentMessage(id=self._known(name).id, fingerprint=self.known_one.fingerprint)

    def messages(self) -> list[ReceivedMessage]:
        return [ReceivedMessage(id="croft1-peer", fingerprint="peer-peer", text="Hello.", received_at=1.0)]

    def _known(self, name: str) -> PeerSummary:
        if name != self.known_one.fingerprint:
            raise CrofterError(ErrorCode.PEER_UNREACHABLE, "no address of this node is known")
        return self.known_one


class FakePeople:
    """One node that is trusted, and one code; remembers nothing."""

    known_one = PersonSummary(
        id="croft1-ada", fingerprint="ada-ada", name="Ada", their_name="laptop", state="trusted", known_at=1.0
    )
    shown = PairingCode(code="1234-5678-9012", expires_at=2.0, wrong_guesses=0, ended=False, paired_with="")

    def all(self) -> list[PersonSummary]:
        return [self.known_one]

    def get(self, name: str) -> PersonSummary:
        if name != self.known_one.name:
            raise CrofterError(ErrorCode.NOT_FOUND, f"no node called {name}", parameter="name")
        return self.known_one

    async def add(self, new: NewPerson) -> PersonSummary:
        return msgspec.structs.replace(self.known_one, id=new.id, name=new.name, state="asked")

    async def accept(self, name: str) -> PersonSummary:
        return self.get(name)

    async def refuse(self, name: str) -> PersonSummary:
        return msgspec.structs.replace(self.get(name), state="stranger")

    async def forget(self, name: str) -> PersonSummary:
        return msgspec.structs.replace(self.get(name), state="stranger")

    async def block(self, name: str) -> PersonSummary:
        return msgspec.structs.replace(self.get(name), state="blocked")

    def rename(self, name: str, change: PersonChange) -> PersonSummary:
        return msgspec.structs.replace(self.get(name), name=change.name)

    def show_code(self) -> PairingCode:
        return self.shown

    def code(self) -> PairingCode:
        return self.shown

    def withdraw_code(self) -> PairingCode:
        return msgspec.structs.replace(self.shown, ended=True)

    async def use_code(self, typed: TypedCode) -> PersonSummary:
        if typed.code != self.shown.code:
            raise CrofterError(ErrorCode.FORBIDDEN, "the code is another.", parameter="code")
        return self.known_one


class FakePools:
    """One pool; remembers nothing."""

    known_one = PoolSummary(id="00ff", name="home", role="owner", owner="croft1-fake", members=(), expires_at=None)

    def all(self) -> list[PoolSummary]:
        return [self.known_one]

    def get(self, name: str) -> PoolSummary:
        if name != self.known_one.name:
            raise CrofterError(ErrorCode.NOT_FOUND, f"no pool is called {name}", parameter="name")
        return self.known_one

    def create(self, new: NewPool) -> PoolSummary:
        return msgspec.structs.replace(self.known_one, name=new.name)

    async def invite(self, name: str, member: str) -> PoolSummary:
        one = PoolMember(id="croft1-bob", fingerprint="bob-bob", name=member, state="invited")
        return msgspec.structs.replace(self.get(name), members=(one,))

    async def remove(self, name: str, member: str) -> PoolSummary:
        return self.get(name)

    async def accept(self, name: str) -> PoolSummary:
        return self.get(name)

    async def leave(self, name: str) -> PoolSummary:
        return self.get(name)


class FakeInvites:
    """One invite; remembers nothing."""

    known_one = InviteSummary(name="00ff00ff", made_at=1.0, expires_at=2.0, uses_left=1, used_by=("croft1-bob",))

    def all(self) -> list[InviteSummary]:
        return [self.known_one]

    def issue(self, new: NewInvite) -> CreatedInvite:
        invite = msgspec.structs.replace(self.known_one, uses_left=new.uses)
        return CreatedInvite(text="crofter-invite:abc", invite=invite)

    def revoke(self, name: str) -> InviteSummary:
        if name != self.known_one.name:
            raise CrofterError(ErrorCode.NOT_FOUND, f"no invite is called {name}", parameter="name")
        return self.known_one


class FakeMembership:
    """In the open network; anybody lets it in."""

    async def make(self) -> NetworkMembership:
        return NetworkMembership(tag="00112233aabbccdd")

    async def leave(self) -> NetworkMembership:
        raise CrofterError(ErrorCode.CONFLICT, "this node is in no private network.")

    async def join(self, invite: InviteText) -> PersonSummary:
        if not invite.switch:
            raise CrofterError(ErrorCode.CONFLICT, "this invite leads into another network.", parameter="switch")
        return FakePeople.known_one
