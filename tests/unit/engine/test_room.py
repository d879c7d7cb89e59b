"""What there is for a model beside those that are loaded."""

import msgspec

from crofter.core import ModelId
from crofter.engine import EngineSettings
from crofter.engine.fit import MEBIBYTE
from crofter.engine.room import Room
from crofter.engine.slot import Slot
from tests.fakes import MODEL

from .conftest import MemoryTunings

LIMIT = 2_000 * MEBIBYTE
HALF = 500 * MEBIBYTE


def a_slot(name: str, *, pinned: bool = False) -> Slot:
    slot = Slot(msgspec.structs.replace(MODEL, model_id=ModelId(name), name=name, pinned=pinned))
    slot.estimated_bytes, slot.accelerator_bytes = HALF, (300 * MEBIBYTE,)
    return slot


def a_room(*slots: Slot) -> Room:
    settings = EngineSettings(memory_limit_bytes=LIMIT)
    return Room(settings, {slot.model.model_id: slot for slot in slots}, MemoryTunings())


def test_idle_models_make_room_and_pinned_or_busy_ones_do_not() -> None:
    idle, pinned, busy = a_slot("idle"), a_slot("pinned", pinned=True), a_slot("busy")
    room = a_room(idle, pinned, busy)
    assert room.fit(MODEL).free_bytes == LIMIT - HALF
    with busy.use():
        assert room.fit(MODEL).free_bytes == LIMIT - 2 * HALF
        # A model does not stand in its own way.
        assert room.fit(busy.model).free_bytes == LIMIT - HALF


def test_what_is_computed_for_others_makes_room_for_the_owner_even_while_it_is_used() -> None:
    guest, busy = a_slot("guest"), a_slot("busy")
    guest.for_others = True
    with guest.use(), busy.use():
        assert a_room(guest, busy).fit(MODEL).free_bytes == LIMIT - HALF


def test_accelerators_have_what_loaded_models_leave() -> None:
    room = a_room(a_slot("a"), a_slot("b"))
    model = msgspec.structs.replace(MODEL, size_bytes=300 * MEBIBYTE)
    room.accelerators = (2_000 * MEBIBYTE,)
    assert room.fit(model).need.accelerators[0].weights_bytes > 200 * MEBIBYTE
    room.accelerators = (700 * MEBIBYTE,)
    assert room.fit(model).need.accelerators[0].total_bytes == 0
