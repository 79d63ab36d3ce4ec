"""Load-out slots: which dock of a warehouse is kept for which delivery, and when. One truck at a time.

    dock A of SX1, open 08:00 to 18:00, slots of 30 minutes, each enough for 12 t
      08:00     08:30     09:00     09:30     10:00
        ├─ delivery 7 ───────┤         ├─ delivery 9 ─┤  …

A time begins on the grid of its dock, counted from the opening, lasts one or several slots, and ends by the closing of
the same local day. Docks that are configured anew leave what is booked as it is.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from settlement.civil import NANOSECONDS, day_start_ns, venue_day
from settlement.messages.delivery import Dock, Slot

KILOGRAM_G: Final = 1_000


class Span(NamedTuple):
    """A time of a dock, and the delivery that has it; None: it can be booked."""

    starts_ns: int
    ends_ns: int
    delivery_id: int | None


class LoadOutSlots:
    """The booked slots. They are found by dock and time; who has them keeps them. O(log slots of the dock) each."""

    def __init__(self) -> None:
        self._of_dock: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
        """(starts_ns, ends_ns, delivery_id), ascending; none overlaps the next."""

    def free(self, warehouse: str, dock: str, starts_ns: int, ends_ns: int, delivery_id: int | None = None) -> bool:
        """Whether nobody has the dock then; what `delivery_id` has does not count."""
        booked = self._of_dock.get((warehouse, dock), [])
        before = bisect_left(booked, (ends_ns,))
        while before and booked[before - 1][2] == delivery_id:
            before -= 1
        return not before or booked[before - 1][1] <= starts_ns

    def book(self, slot: Slot) -> None:
        """Keep the dock, which is free."""
        assert self.free(slot.warehouse, slot.dock, slot.starts_ns, slot.ends_ns)
        booked = self._of_dock.setdefault((slot.warehouse, slot.dock), [])
        insort(booked, (slot.starts_ns, slot.ends_ns, slot.delivery_id))

    def release(self, slot: Slot) -> None:
        """The dock is free again."""
        key = (slot.warehouse, slot.dock)
        booked = self._of_dock[key]
        at = bisect_left(booked, (slot.starts_ns,))
        assert booked[at] == (slot.starts_ns, slot.ends_ns, slot.delivery_id)
        del booked[at]
        if not booked:
            del self._of_dock[key]

    def day(self, dock: Dock, day: int) -> Iterator[Span]:
        """A dock's grid on a local day, each slot with who has it. O(slots of the day)."""
        opening_ns = day_start_ns(day) + dock.opens_s * NANOSECONDS
        slot_ns = dock.slot_seconds * NANOSECONDS
        booked = self._of_dock.get((dock.warehouse, dock.code), [])
        for index in range((dock.closes_s - dock.opens_s) // dock.slot_seconds):
            starts_ns = opening_ns + index * slot_ns
            ends_ns = starts_ns + slot_ns
            before = bisect_left(booked, (ends_ns,))
            taken = before and booked[before - 1][1] > starts_ns
            yield Span(starts_ns, ends_ns, booked[before - 1][2] if taken else None)

    def booked(self) -> dict[int, tuple[str, str, int, int]]:
        """(warehouse, dock, start, end) of each delivery that has a slot. O(slots)."""
        return {
            delivery_id: (warehouse, dock, starts_ns, ends_ns)
            for (warehouse, dock), booked in self._of_dock.items()
            for starts_ns, ends_ns, delivery_id in booked
        }

    def audit(self) -> None:
        """Assert that no dock is promised twice. O(slots)."""
        deliveries = 0
        for booked in self._of_dock.values():
            assert booked
            assert booked == sorted(booked)
            deliveries += len(booked)
            for (_, ends_ns, _), (starts_ns, _, _) in pairwise(booked):
                assert ends_ns <= starts_ns
        assert deliveries == len(self.booked()), "a delivery has one slot at most"


def dock_of(docks: Iterable[Dock], warehouse: str, code: str) -> Dock | None:
    return next((dock for dock in docks if dock.warehouse == warehouse and dock.code == code), None)


def refuse_docks(docks: Iterable[Dock], warehouses: Iterable[str]) -> tuple[str, str] | None:
    """`invalid_docks` of a configuration: an unknown warehouse, a code twice in one, or no slot within its hours."""
    known = tuple(warehouses)
    taken: dict[tuple[str, str], None] = {}
    for dock in docks:
        key = (dock.warehouse, dock.code)
        if key in taken or dock.warehouse not in known or dock.opens_s + dock.slot_seconds > dock.closes_s:
            return "invalid_docks", "docks"
        taken[key] = None
    return None


def refuse_time(dock: Dock, starts_ns: int, slots: int) -> str | None:
    """`off_grid`, then `outside_opening_hours`; None where the dock is open then."""
    within_ns = starts_ns - day_start_ns(venue_day(starts_ns))
    slot_ns = dock.slot_seconds * NANOSECONDS
    opens_ns = dock.opens_s * NANOSECONDS
    if (within_ns - opens_ns) % slot_ns:
        return "off_grid"
    if within_ns < opens_ns or within_ns + slots * slot_ns > dock.closes_s * NANOSECONDS:
        return "outside_opening_hours"
    return None


def capacity_g(dock: Dock, slots: int) -> int:
    """What can be loaded there in so many slots."""
    return dock.capacity_kg * KILOGRAM_G * slots
