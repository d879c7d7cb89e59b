"""Who is trusted: what each of two nodes has decided about the other, and what follows from both. Pure.

Either side's decision is a register that only that side writes, and that carries the time of its last writing. So what two nodes know of
each other comes to agree whatever order their messages take, however often they are repeated, and however many are lost.
"""

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from crofter.core import NodeId, Radius

Standing = Literal["trusted", "pending", "stranger", "blocked"]
"""What a node is to this one. Pending: one of the two has asked, the other has not said yes."""
State = Literal["trusted", "asked_us", "asked", "blocked", "forgotten"]
"""The same as the owner sees it. Forgotten: kept only so that the other side can still be told, and listed nowhere."""

MOST_NAME_CHARACTERS = 64
MOST_REQUESTS = 32
"""Requests of strangers that wait for the owner. The next is turned away: the ones before it may be a friend's."""
MOST_FORGOTTEN = 256
REQUEST_SECONDS = 7 * 86_400.0
FORGOTTEN_SECONDS = 30 * 86_400.0


class Decision(msgspec.Struct, frozen=True, array_like=True):
    """What one node has decided about another."""

    agrees: bool = False
    at: Annotated[int, msgspec.Meta(ge=0)] = 0
    """When, in milliseconds of its own clock, and later than its decision before; 0: it has not decided."""
    answers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The `at` of the other's decision that was known at the time."""


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node that this one knows."""

    node_id: NodeId
    known_at: float
    name: str = ""
    """The owner's name for it; from pairing on never empty, and no other person's."""
    their_name: str = ""
    """What it calls itself: to be shown, never to be looked up by."""
    addresses: tuple[str, ...] = ()
    """Where the owner said it is; there are other ways to find it."""
    ours: Decision = Decision()
    theirs: Decision = Decision()
    blocked: bool = False
    seen_at: float | None = None

    @property
    def state(self) -> State:
        """Both decisions in one word; a block beats them."""
        if self.blocked:
            return "blocked"
        if self.ours.agrees:
            return "trusted" if self.theirs.agrees else "asked"
        return "asked_us" if self.theirs.agrees else "forgotten"


def standing(person: Person | None, *, is_vouched_for: bool) -> Standing:
    """Paired, or vouched for as members of our pools are: trusted. A block beats everything."""
    state = person.state if person else "forgotten"
    if state == "blocked":
        return "blocked"
    if is_vouched_for or state == "trusted":
        return "trusted"
    return "stranger" if state == "forgotten" else "pending"


def radius_of(standing: Standing) -> Radius | None:
    """How far away a caller is; None: nothing of it is answered."""
    if standing == "blocked":
        return None
    return "trusted" if standing == "trusted" else "public"


def agreed(person: Person, now: float) -> Person:
    """Our owner says yes. It ends a block; said again it changes nothing."""
    if person.ours.agrees and not person.blocked:
        return person
    return msgspec.structs.replace(person, ours=_decided(person, now, agrees=True), blocked=False)


def declined(person: Person, now: float) -> Person:
    """Our owner says no, to a request or to a pairing. Their yes is used up: only one that they say later asks again."""
    theirs = msgspec.structs.replace(person.theirs, agrees=False)
    return msgspec.structs.replace(person, ours=_decided(person, now, agrees=False), theirs=theirs)


def forgotten(person: Person, now: float) -> Person:
    """No, and nothing else is kept of it; a block ends too."""
    return msgspec.structs.replace(
        declined(person, now), name="", their_name="", addresses=(), blocked=False, seen_at=None
    )


def blocked(person: Person, now: float) -> Person:
    """No, and nothing it says is listened to."""
    return msgspec.structs.replace(declined(person, now), blocked=True)


def told(person: Person, decision: Decision, their_name: str, now: float) -> Person:
    """They say what they have decided. What is older than what they said before is old news.

    A no to what we decided ends our own yes: a pairing is over for both, and a refused request is not made again by itself.
    """
    if person.blocked:
        return person
    named = msgspec.structs.replace(person, their_name=their_name)
    if decision.at <= person.theirs.at:
        return named
    heard = msgspec.structs.replace(named, theirs=decision)
    if heard.ours.agrees and not decision.agrees and decision.answers >= heard.ours.at:
        return msgspec.structs.replace(heard, ours=_decided(heard, now, agrees=False))
    return heard


def outlived(people: Iterable[Person], now: float) -> list[NodeId]:
    """Whom to keep nothing of: requests and tombstones that are old, and the oldest tombstones beyond their bound."""
    people = list(people)
    tombstones = sorted(
        (person for person in people if person.state == "forgotten"), key=lambda person: -person.ours.at
    )
    kept = {person.node_id for person in tombstones[:MOST_FORGOTTEN] if person.ours.at and not _is_old(person, now)}
    gone = [person.node_id for person in tombstones if person.node_id not in kept]
    requests = (person for person in people if person.state == "asked_us")
    return gone + [person.node_id for person in requests if now - person.known_at > REQUEST_SECONDS]


def clean_name(text: str) -> str:
    """A name as it can be shown: one line, nothing that hides or turns text around, at most 64 characters."""
    shown = "".join(" " if character.isspace() else character for character in text)
    # Control, format (which turn text around), surrogates, private use and unassigned.
    shown = "".join(character for character in shown if not unicodedata.category(character).startswith("C"))
    return " ".join(shown.split())[:MOST_NAME_CHARACTERS].strip()


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """The name, or the first of `name 2`, `name 3` … that nobody has. Names differ if they do so beyond case."""
    used = {name.casefold() for name in taken}
    name, number = wanted, 1
    while name.casefold() in used:
        number += 1
        ending = f" {number}"
        name = wanted[: MOST_NAME_CHARACTERS - len(ending)] + ending
    return name


def _decided(person: Person, now: float, *, agrees: bool) -> Decision:
    return Decision(agrees, max(int(now * 1000), person.ours.at + 1), person.theirs.at)


def _is_old(person: Person, now: float) -> bool:
    return now - person.ours.at / 1000 > FORGOTTEN_SECONDS
