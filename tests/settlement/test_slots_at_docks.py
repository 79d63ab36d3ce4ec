"""A dock is kept for one delivery at a time, whatever the order of bookings, moves and cancellations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.civil import day_number, day_start_ns
from settlement.load_out_slots import LoadOutSlots, Span, capacity_g, dock_of, refuse_docks, refuse_time
from settlement.messages.delivery import Dock, Slot

MINUTE_NS = 60 * 10**9
DAY = day_number("2026-11-23") or 0
MIDNIGHT = day_start_ns(DAY)
DOCK_A = Dock(warehouse="SX1", code="A", opens_s=8 * 3600, closes_s=18 * 3600, slot_seconds=1800, capacity_kg=12_000)
DOCK_B = Dock(warehouse="SX1", code="B", opens_s=0, closes_s=86_400, slot_seconds=3600, capacity_kg=20_000)


def at(hour: int, minute: int = 0) -> int:
    return MIDNIGHT + (hour * 60 + minute) * MINUTE_NS


def slot(delivery_id: int, starts_ns: int, ends_ns: int, dock: str = "A") -> Slot:
    return Slot(
        slot_id=delivery_id, delivery_id=delivery_id, warehouse="SX1", dock=dock, starts_ns=starts_ns, ends_ns=ends_ns
    )


def shown(slots: LoadOutSlots, dock: Dock, first: int, last: int) -> str:
    """The dock's grid from one hour to another, a delivery's number or a dot for each slot."""
    spans = slots.day(dock, DAY)
    within = [span for span in spans if at(first) <= span.starts_ns < at(last)]
    return " ".join("." if span.delivery_id is None else str(span.delivery_id) for span in within)


def test_a_morning_at_the_dock() -> None:
    slots = LoadOutSlots()
    slots.book(slot(7, at(8), at(9)))
    slots.book(slot(9, at(9, 30), at(10)))
    assert shown(slots, DOCK_A, 8, 11) == "7 7 . 9 . ."
    assert slots.free("SX1", "A", at(9), at(9, 30))
    assert not slots.free("SX1", "A", at(9), at(10))
    assert not slots.free("SX1", "A", at(8, 30), at(9))
    assert slots.free("SX1", "A", at(8, 30), at(9, 30), delivery_id=7), "who moves may have his own time again"
    assert not slots.free("SX1", "A", at(8, 30), at(10), delivery_id=7)
    assert not slots.free("SX1", "A", at(8, 30), at(10), delivery_id=9)
    assert slots.free("SX1", "B", at(8), at(9))
    slots.release(slot(7, at(8), at(9)))
    assert shown(slots, DOCK_A, 8, 11) == ". . . 9 . ."


def test_the_grid_of_a_day_begins_with_the_opening_and_ends_with_the_closing() -> None:
    spans = list(LoadOutSlots().day(DOCK_A, DAY))
    assert spans[0] == Span(at(8), at(8, 30), None)
    assert spans[-1] == Span(at(17, 30), at(18), None)
    assert len(list(LoadOutSlots().day(DOCK_B, DAY))) == 24
    odd = Dock(warehouse="SX1", code="C", opens_s=0, closes_s=3601, slot_seconds=3600, capacity_kg=1)
    assert len(list(LoadOutSlots().day(odd, DAY))) == 1, "no slot sticks out over the closing"


@pytest.mark.parametrize(
    ("starts_ns", "slots", "refusal"),
    [
        (at(8), 1, None),
        (at(8), 20, None),
        (at(17, 30), 1, None),
        (at(8) + 1, 1, "off_grid"),
        (at(8, 15), 1, "off_grid"),
        (at(7, 30), 1, "outside_opening_hours"),
        (at(7, 45), 1, "off_grid"),
        (at(17, 30), 2, "outside_opening_hours"),
        (at(8), 21, "outside_opening_hours"),
        (at(18), 1, "outside_opening_hours"),
        (at(0), 1, "outside_opening_hours"),
        (-1, 1, "off_grid"),
    ],
)
def test_a_time_is_on_the_grid_and_within_the_hours(starts_ns: int, slots: int, refusal: str | None) -> None:
    assert refuse_time(DOCK_A, starts_ns, slots) == refusal


def test_a_dock_that_never_closes_ends_its_day_at_midnight() -> None:
    assert refuse_time(DOCK_B, at(23), 1) is None
    assert refuse_time(DOCK_B, at(23), 2) == "outside_opening_hours"
    assert refuse_time(DOCK_B, at(24), 1) is None


def test_a_longer_booking_loads_more() -> None:
    assert capacity_g(DOCK_A, 1) == 12_000_000
    assert capacity_g(DOCK_A, 3) == 36_000_000


def test_a_dock_is_known_by_its_warehouse_and_code() -> None:
    assert dock_of((DOCK_A, DOCK_B), "SX1", "B") is DOCK_B
    assert dock_of((DOCK_A, DOCK_B), "SX2", "B") is None
    assert dock_of((), "SX1", "A") is None


@pytest.mark.parametrize(
    "changes",
    [{"warehouse": "SX9"}, {"code": "A"}, {"opens_s": 3600, "closes_s": 3600}, {"closes_s": 3599, "opens_s": 0}],
)
def test_a_venue_is_not_configured_with_docks_that_cannot_be(changes: dict[str, Any]) -> None:
    fields = {"warehouse": "SX1", "code": "B", "opens_s": 0, "closes_s": 86_400, "slot_seconds": 3600} | changes
    wrong = Dock(capacity_kg=1, **fields)
    assert refuse_docks((DOCK_A, wrong), ("SX1", "SX2")) == ("invalid_docks", "docks")
    assert refuse_docks((DOCK_A, DOCK_B), ("SX1", "SX2")) is None


Action = tuple[str, int, str, int, int]

actions = st.lists(
    st.tuples(
        st.sampled_from(("book", "move", "cancel")),
        st.integers(1, 6),
        st.sampled_from("AB"),
        st.integers(0, 23),
        st.integers(1, 4),
    ),
    max_size=60,
)


@given(actions)
def test_no_two_bookings_overlap_whatever_comes_in_whichever_order(done: list[Action]) -> None:
    """Against an oracle that compares each wanted time with everything that is booked."""
    slots = LoadOutSlots()
    booked: dict[int, Slot] = {}
    for verb, delivery_id, dock, hour, hours in done:
        wanted = slot(delivery_id, at(hour), at(hour + hours), dock)
        held = booked.get(delivery_id)
        meets = any(
            other.dock == dock and wanted.starts_ns < other.ends_ns and other.starts_ns < wanted.ends_ns
            for other in booked.values()
            if other is not held
        )
        if verb == "cancel":
            if held is not None:
                slots.release(booked.pop(delivery_id))
        elif (verb == "move") == (held is not None):
            assert slots.free("SX1", dock, wanted.starts_ns, wanted.ends_ns, delivery_id) == (not meets)
            if not meets:
                if held is not None:
                    slots.release(held)
                slots.book(wanted)
                booked[delivery_id] = wanted
        slots.audit()
        assert slots.booked() == {
            each.delivery_id: (each.warehouse, each.dock, each.starts_ns, each.ends_ns) for each in booked.values()
        }
