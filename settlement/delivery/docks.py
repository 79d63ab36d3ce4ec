"""Times at docks: booked by the buyer or the warehouse, moved, given back, and ended by time."""

from typing import Final

from settlement.books import Books
from settlement.civil import NANOSECONDS
from settlement.delivery.register import OpenDelivery, Register
from settlement.load_out_slots import capacity_g, dock_of, refuse_time
from settlement.messages.delivery import BookSlot, CancelSlot, DeliveryCause, Dock, MoveSlot, Slot


class Docks:
    def __init__(self, books: Books, register: Register) -> None:
        self._books: Final = books
        self._register: Final = register

    def book(self, command: BookSlot) -> None:
        """Reasons: see the command."""
        found = self._loadable(command)
        if found is None:
            return
        if found.order.slot is not None:
            self._books.refuse(command, "slot_booked", "delivery_id")
            return
        ends_ns = self._fit(command, found)
        if ends_ns is not None:
            self._register.last_slot_id += 1
            self._take(command, found, ends_ns, self._register.last_slot_id, "slot_booked")

    def move(self, command: MoveSlot) -> None:
        """Reasons: see the command."""
        found = self._loadable(command)
        if found is None:
            return
        slot = found.order.slot
        if slot is None:
            self._books.refuse(command, "no_slot", "delivery_id")
            return
        ends_ns = self._fit(command, found)
        if ends_ns is not None:
            self._register.slots.release(slot)
            self._take(command, found, ends_ns, slot.slot_id, "slot_moved")

    def cancel(self, command: CancelSlot) -> None:
        """Reasons: see the command."""
        register = self._register
        found = register.reachable(command)
        if found is None:
            return
        if found.order.slot is None:
            self._books.refuse(command, "no_slot", "delivery_id")
            return
        register.end_slot(found, "cancelled")
        register.tell(found, found.order, "slot_cancelled")

    def be_over(self, found: OpenDelivery) -> None:
        """The time of a slot has passed, and the grace after it."""
        self._register.end_slot(found, "used" if found.slot_used else "missed")
        self._register.tell(found, found.order, "slot_used" if found.slot_used else "slot_missed")

    def refuse_now(self, found: OpenDelivery) -> str | None:
        """`no_slot`, `outside_slot`: where a warehouse has docks, trucks come by appointment."""
        books = self._books
        slot = found.order.slot
        if slot is None:
            by_appointment = any(dock.warehouse == found.order.warehouse for dock in books.venue.docks)
            return "no_slot" if by_appointment else None
        assert found.slot_due_ns is not None
        in_time = slot.starts_ns - self._grace_ns() <= books.time_ns < found.slot_due_ns
        return None if in_time else "outside_slot"

    def _loadable(self, command: BookSlot | MoveSlot) -> OpenDelivery | None:
        """A delivery that is still to be loaded."""
        found = self._register.reachable(command)
        if found is None or not self._register.permits(command, found, "weigh_out"):
            return None
        return found

    def _fit(self, command: BookSlot | MoveSlot, found: OpenDelivery) -> int | None:
        """When the wanted time ends; None where it cannot be had, which is said."""
        books = self._books
        dock = dock_of(books.venue.docks, found.order.warehouse, command.dock)
        if dock is None:
            books.refuse(command, "unknown_dock", "dock")
            return None
        ends_ns = command.starts_ns + command.slots * dock.slot_seconds * NANOSECONDS
        refusal = self._refuse(command, found, dock, ends_ns)
        if refusal is not None:
            books.refuse(command, *refusal)
            return None
        return ends_ns

    def _refuse(
        self, command: BookSlot | MoveSlot, found: OpenDelivery, dock: Dock, ends_ns: int
    ) -> tuple[str, str] | None:
        """(reason, field) of what stands against it."""
        books = self._books
        order = found.order
        reason = refuse_time(dock, command.starts_ns, command.slots)
        if reason is not None:
            return reason, "starts_ns"
        if command.starts_ns < books.time_ns:
            return "slot_in_past", "starts_ns"
        receipt = books.receipts.get(order.receipt_id)
        if receipt is None:
            return "receipt_gone", "delivery_id"
        if ends_ns > books.receipts.stock(receipt.lot_id).expires_ns:
            return "receipt_expires", "starts_ns"
        if receipt.weight_g - found.waiting_g > capacity_g(dock, command.slots):
            return "over_capacity", "slots"
        slots = self._register.slots
        if not slots.free(order.warehouse, dock.code, command.starts_ns, ends_ns, order.delivery_id):
            return "slot_taken", "starts_ns"
        return None

    def _take(
        self, command: BookSlot | MoveSlot, found: OpenDelivery, ends_ns: int, slot_id: int, cause: DeliveryCause
    ) -> None:
        order = found.order
        slot = Slot(
            slot_id=slot_id,
            delivery_id=order.delivery_id,
            warehouse=order.warehouse,
            dock=command.dock,
            starts_ns=command.starts_ns,
            ends_ns=ends_ns,
        )
        self._register.book(found, slot, ends_ns + self._grace_ns())
        self._register.tell(found, found.order, cause)

    def _grace_ns(self) -> int:
        return self._books.venue.delivery.slot_grace_seconds * NANOSECONDS
