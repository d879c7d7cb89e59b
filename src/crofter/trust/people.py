"""The book of nodes that this one knows, kept in the store. Every change is on disk before it counts."""

import time
from collections.abc import Callable

import msgspec

from crofter.core import CrofterError, ErrorCode, NodeId
from crofter.store import PeopleRecords

from . import plan
from .names import fingerprint, parse_node_id
from .plan import Decision, Person, Standing

_SEEN_EVERY_SECONDS = 60.0
_MOST_PEOPLE = 4096


class People:
    """Held in memory whole: owners make most of it, and what strangers can add is bounded in `plan`."""

    def __init__(
        self,
        records: PeopleRecords,
        own_id: NodeId,
        *,
        is_vouched_for: Callable[[NodeId], bool] = lambda _: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`is_vouched_for` says who is trusted without being paired, as members of pools are; `clock` gives Unix seconds.

        Raises STORE_FAILED.
        """
        self._records = records
        self._own_id = own_id
        self._is_vouched_for = is_vouched_for
        self._clock = clock
        kept = (msgspec.json.decode(facts, type=Person) for facts in records.all())
        self._people = {person.node_id: person for person in kept}
        self._forget_outlived()

    def all(self) -> list[Person]:
        """Everyone but the forgotten, by when they became known."""
        known = (person for person in self._people.values() if person.state != "forgotten")
        return sorted(known, key=lambda person: (person.known_at, person.node_id))

    def waiting(self) -> list[NodeId]:
        """Whom we have asked, and who has not said yes."""
        return [person.node_id for person in self.all() if person.state == "asked"]

    def trusted(self) -> set[NodeId]:
        """Those who are paired with this node."""
        return {person.node_id for person in self._people.values() if person.state == "trusted"}

    def get(self, node_id: NodeId) -> Person | None:
        """What is known of a node; None also for one that was forgotten."""
        person = self._people.get(node_id)
        return None if person is None or person.state == "forgotten" else person

    def find(self, text: str) -> Person:
        """Someone by the owner's name for them, their id, or their fingerprint if only one has it. Raises NOT_FOUND, CONFLICT.

        Not by what they call themselves, which anyone may choose.
        """
        named = [person for person in self.all() if person.name and person.name.casefold() == text.casefold()]
        found = named or [person for person in self.all() if fingerprint(person.node_id) == text.strip().lower()]
        if len(found) > 1:
            raise CrofterError(
                ErrorCode.CONFLICT, f"{text} is the fingerprint of several: give the whole id.", parameter="name"
            )
        if not found and (person := self.get(_node_id_or_unknown(text))):
            found = [person]
        if not found:
            raise _unknown(text)
        return found[0]

    def find_id(self, text: str) -> NodeId:
        """The same, or any whole id. Raises INVALID_REQUEST too, for an id that is mistyped."""
        try:
            return self.find(text).node_id
        except CrofterError as error:
            if error.code is not ErrorCode.NOT_FOUND or not _is_meant_as_id(text):
                raise
            return parse_node_id(text)

    def standing(self, node_id: NodeId) -> Standing:
        """What a node is to this one; asks nothing of the disk."""
        return plan.standing(self._people.get(node_id), is_vouched_for=self._is_vouched_for(node_id))

    def decision(self, node_id: NodeId) -> Decision:
        """What we have decided about a node."""
        person = self._people.get(node_id)
        return person.ours if person else Decision()

    def agree(self, node_id: NodeId, name: str = "", addresses: tuple[str, ...] = ()) -> Person:
        """The owner wants to be paired with this node. Raises INVALID_REQUEST for ourselves, CONFLICT if the name is taken."""
        if node_id == self._own_id:
            raise CrofterError(ErrorCode.INVALID_REQUEST, "this is the id of this node itself.", parameter="id")
        person = self._people.get(node_id)
        if person is None and len(self._people) >= _MOST_PEOPLE:
            raise CrofterError(
                ErrorCode.CONFLICT, f"{_MOST_PEOPLE} nodes are known: forget some first (`crofter peers`)."
            )
        person = plan.agreed(person or Person(node_id=node_id, known_at=self._clock()), self._clock())
        if addresses:
            person = msgspec.structs.replace(person, addresses=addresses)
        return self._keep(self._renamed(person, name) if name else self._named(person))

    def refuse(self, node_id: NodeId) -> Person:
        """Say no to a request; asked again, they are shown again. Raises NOT_FOUND if nothing waits."""
        person = self._known(node_id)
        if person.state != "asked_us":
            raise CrofterError(
                ErrorCode.NOT_FOUND, f"{shown_name(person)} has not asked to be paired.", parameter="name"
            )
        return self._keep(plan.declined(person, self._clock()))

    def rename(self, node_id: NodeId, name: str) -> Person:
        """The owner's name for someone. Raises CONFLICT if it is another's, INVALID_REQUEST if nothing of it can be shown."""
        return self._keep(self._renamed(self._known(node_id), name))

    def block(self, node_id: NodeId) -> Person:
        """Whoever it is, known or not: nothing of it is answered any more."""
        person = self._people.get(node_id) or Person(node_id=node_id, known_at=self._clock())
        return self._keep(plan.blocked(person, self._clock()))

    def forget(self, node_id: NodeId) -> Person:
        """Be a stranger to it again; also how a block ends."""
        return self._keep(plan.forgotten(self._known(node_id), self._clock()))

    def told(self, node_id: NodeId, decision: Decision, their_name: str) -> Person | None:
        """A node says what it has decided about us; None: it is not kept, as too many wait already or there was nothing to keep."""
        now, known = self._clock(), self._people.get(node_id)
        person = plan.told(known or Person(node_id=node_id, known_at=now), decision, plan.clean_name(their_name), now)
        is_new = person.state == "asked_us" and (known is None or known.state != "asked_us")
        stays_unknown = person.state == "forgotten" and (known is None or known.state == "forgotten")
        if person == known or stays_unknown or node_id == self._own_id:
            return self.get(node_id)
        if is_new:
            self._forget_outlived()
            if sum(other.state == "asked_us" for other in self._people.values()) >= plan.MOST_REQUESTS:
                return None
            person = msgspec.structs.replace(person, known_at=now)
        self._keep(self._named(person))
        self._forget_outlived()
        return self.get(node_id)

    def seen(self, node_id: NodeId) -> None:
        """A node that we know was there; written down once a minute at most, and nothing for strangers."""
        person, now = self.get(node_id), self._clock()
        if person and now - (person.seen_at or 0.0) >= _SEEN_EVERY_SECONDS:
            self._keep(msgspec.structs.replace(person, seen_at=now))

    def _known(self, node_id: NodeId) -> Person:
        person = self.get(node_id)
        if person is None:
            raise _unknown(fingerprint(node_id))
        return person

    def _named(self, person: Person) -> Person:
        """Who is paired has a name from then on, so that theirs can change without ours."""
        if person.name or person.state != "trusted":
            return person
        wanted = person.their_name or fingerprint(person.node_id)
        return msgspec.structs.replace(person, name=plan.free_name(wanted, self._names_beside(person)))

    def _renamed(self, person: Person, name: str) -> Person:
        name = plan.clean_name(name)
        if not name:
            raise CrofterError(
                ErrorCode.INVALID_REQUEST, "a name needs a character that can be seen.", parameter="name"
            )
        if name.casefold() in {taken.casefold() for taken in self._names_beside(person)}:
            raise CrofterError(ErrorCode.CONFLICT, f"another node is called {name!r} already.", parameter="name")
        return msgspec.structs.replace(person, name=name)

    def _names_beside(self, person: Person) -> list[str]:
        return [other.name for other in self._people.values() if other.node_id != person.node_id]

    def _keep(self, person: Person) -> Person:
        self._records.save(person.node_id, msgspec.json.encode(person).decode())
        self._people[person.node_id] = person
        return person

    def _forget_outlived(self) -> None:
        for node_id in plan.outlived(self._people.values(), self._clock()):
            self._records.remove(node_id)
            del self._people[node_id]


def shown_name(person: Person) -> str:
    """What to call someone in a message."""
    return person.name or fingerprint(person.node_id)


def _node_id_or_unknown(text: str) -> NodeId:
    try:
        return parse_node_id(text)
    except CrofterError as error:
        # What begins as an id and is none was mistyped; anything else is a name that nobody has.
        if _is_meant_as_id(text):
            raise
        raise _unknown(text) from error


def _is_meant_as_id(text: str) -> bool:
    return text.strip().lower().startswith(("croft1", "did:"))


def _unknown(text: str) -> CrofterError:
    return CrofterError(
        ErrorCode.NOT_FOUND, f"no node called {text} is known (`crofter peers` lists them).", parameter="name"
    )
