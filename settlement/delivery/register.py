"""The delivery orders that have not ended: finding them, telling how they stand, and when time does something."""

from heapq import heapify, heappop, heappush
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.books import Books
from settlement.delivery.contracts import ContractDeliveries
from settlement.delivery.states import ENDED, FETCHABLE, STATES, Step
from settlement.digest import Digest
from settlement.load_out_slots import LoadOutSlots
from settlement.messages.delivery import (
    DeliveryCause,
    DeliveryChanged,
    DeliveryOrder,
    Load,
    LoadChanged,
    Slot,
    SlotChanged,
    SlotState,
)
from settlement.receipts import LiveReceipt
from settlement.references import References


class OpenDelivery(Struct, gc=False, array_like=True):
    """A delivery order that has not ended, and what the world is not told of it.

    `loads` are the trucks that were weighed and not handed over. `slot_due_ns` is when a booked slot is over, and
    `slot_used` whether a truck was weighed in it.
    """

    order: DeliveryOrder
    tolerance_g: int
    code_salt: str | None
    code_digest: str | None
    loads: list[Load]
    slot_due_ns: int | None = None
    slot_used: bool = False

    @property
    def due_ns(self) -> int | None:
        """When time itself does something to it: ends its slot, or accepts."""
        return self.order.accept_by_ns if self.slot_due_ns is None else self.slot_due_ns

    @property
    def waiting_g(self) -> int:
        """What is on trucks and not posted yet."""
        return sum([load.posted_g for load in self.loads])


class RegisterState(Struct, frozen=True, array_like=True):
    last_delivery_id: int
    last_slot_id: int
    last_load_id: int
    open: list[OpenDelivery]
    tickets: list[str]
    references: list[str]


class Register:
    """Costs are O(1), or O(log deliveries) where time is involved, unless said."""

    contracts: ContractDeliveries
    """Set by the engine where contracts lead to deliveries."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self.slots: Final = LoadOutSlots()
        self.open: Final[dict[int, OpenDelivery]] = {}
        self.tickets: Final = References()
        """Weighings, each by its scale and number."""
        self.references: Final = References()
        """Holders' own names for their requests."""
        self.last_delivery_id = 0
        self.last_slot_id = 0
        self.last_load_id = 0
        self._digest: Final[Digest[int]] = Digest()
        # (due_ns, delivery_id); what is due at another time by now is dropped when it comes to the top.
        self._deadlines: list[tuple[int, int]] = []

    # Finding

    def any(self, command: Any) -> OpenDelivery | None:
        """The order that a command names; `unknown_delivery`, or `delivery_closed` of one that has ended."""
        delivery_id: int = command.delivery_id
        found = self.open.get(delivery_id)
        if found is None:
            known = delivery_id <= self.last_delivery_id
            self._books.refuse(command, "delivery_closed" if known else "unknown_delivery", "delivery_id")
        return found

    def own(self, command: Any) -> OpenDelivery | None:
        """The buyer's own; another's is `unknown_delivery`."""
        found = self.any(command)
        if found is not None and found.order.participant_id != command.participant_id:
            self._books.refuse(command, "unknown_delivery", "delivery_id")
            return None
        return found

    def reachable(self, command: Any) -> OpenDelivery | None:
        """The buyer's own; the warehouse reaches everyone's. `unknown_participant` first."""
        books = self._books
        participant = books.participants.get(command.participant_id)
        if participant is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return None
        return self.any(command) if "warehouse" in participant.roles else self.own(command)

    def permits(self, command: Any, found: OpenDelivery, step: Step) -> bool:
        """Whether the state of the order allows the step; `delivery_<state>` if not."""
        state = found.order.state
        if step in STATES[state]:
            return True
        self._books.refuse(command, f"delivery_{state}", "delivery_id")
        return False

    def receipt(self, command: Any, found: OpenDelivery) -> LiveReceipt | None:
        """The receipt, whose goods may leave; else `receipt_gone` or `receipt_<state>`."""
        receipt = self._books.receipts.get(found.order.receipt_id)
        if receipt is not None and receipt.state == "delivery_ordered":
            return receipt
        reason = "receipt_gone" if receipt is None else f"receipt_{receipt.state}"
        self._books.refuse(command, reason, "delivery_id")
        return None

    # Telling

    def begin(self, found: OpenDelivery) -> None:
        """A new order."""
        order = found.order
        self.open[order.delivery_id] = found
        self._books.delivering[order.receipt_id] = order.delivery_id
        self.tell(found, order, "ordered")

    def tell(self, found: OpenDelivery, order: DeliveryOrder, cause: DeliveryCause, reason: str | None = None) -> None:
        """The order stands like this now."""
        due_ns = order.accept_by_ns
        if due_ns is not None and due_ns != found.order.accept_by_ns:
            heappush(self._deadlines, (due_ns, order.delivery_id))
        found.order = order
        self._digest.changed[order.delivery_id] = None
        self._books.events.append(DeliveryChanged(cause=cause, delivery=order, reason=reason))

    def tell_load(self, load: Load, reason: str | None = None) -> None:
        self._books.events.append(LoadChanged(load=load, reason=reason))

    def book(self, found: OpenDelivery, slot: Slot, due_ns: int) -> None:
        """The dock is kept; time ends that at `due_ns`. The order is to be told after it."""
        self.slots.book(slot)
        found.slot_due_ns = due_ns
        found.slot_used = False
        found.order = replace(found.order, slot=slot)
        heappush(self._deadlines, (due_ns, slot.delivery_id))
        self._books.events.append(SlotChanged(slot=slot))

    def end_slot(self, found: OpenDelivery, state: SlotState) -> None:
        """The dock is free again; nothing where none was booked. The order is to be told after it."""
        slot = found.order.slot
        if slot is None:
            return
        self.slots.release(slot)
        found.slot_due_ns = None
        found.order = replace(found.order, slot=None)
        self._books.events.append(SlotChanged(slot=replace(slot, state=state)))

    def end(self, found: OpenDelivery, order: DeliveryOrder, cause: DeliveryCause) -> None:
        """The order leaves; what was written about it stays in the events."""
        assert order.state in ENDED
        self.tell(found, order, cause)
        del self.open[order.delivery_id]
        self._books.delivering.pop(order.receipt_id, None)

    # Time

    def next_deadline_ns(self) -> int | None:
        """When the next slot is over, or the next delivery is accepted by time."""
        deadlines = self._deadlines
        while deadlines:
            due_ns, delivery_id = deadlines[0]
            found = self.open.get(delivery_id)
            if found is not None and found.due_ns == due_ns:
                return due_ns
            heappop(deadlines)
        return None

    def next_due(self) -> OpenDelivery | None:
        """An order to which time does something now; ask until there is none."""
        due_ns = self.next_deadline_ns()
        if due_ns is None or due_ns > self._books.time_ns:
            return None
        return self.open[heappop(self._deadlines)[1]]

    # State

    def state(self) -> RegisterState:
        return RegisterState(
            self.last_delivery_id,
            self.last_slot_id,
            self.last_load_id,
            list(self.open.values()),
            self.tickets.state(),
            self.references.state(),
        )

    def restore(self, state: RegisterState) -> None:
        self.last_delivery_id = state.last_delivery_id
        self.last_slot_id = state.last_slot_id
        self.last_load_id = state.last_load_id
        self.tickets.restore(state.tickets)
        self.references.restore(state.references)
        for found in state.open:
            order = found.order
            self.open[order.delivery_id] = found
            self._digest.changed[order.delivery_id] = None
            if order.slot is not None:
                self.slots.book(order.slot)
            if _has_goods(order):
                self._books.delivering[order.receipt_id] = order.delivery_id
            if found.due_ns is not None:
                self._deadlines.append((found.due_ns, order.delivery_id))
        heapify(self._deadlines)

    def digest(self) -> Any:
        return (
            (self.last_delivery_id, self.last_slot_id, self.last_load_id),
            self._digest.bring_up_to_date(self.open.get),
            self.tickets.digest(),
            self.references.digest(),
        )

    def audit(self) -> None:
        """Orders, receipts, slots and deadlines agree. O(deliveries)."""
        books = self._books
        assert list(self.open) == sorted(self.open)
        self.slots.audit()
        slots = {}
        delivering = {}
        due = dict.fromkeys(self._deadlines)
        for delivery_id, found in self.open.items():
            order = found.order
            assert order.delivery_id == delivery_id <= self.last_delivery_id
            assert order.state not in ENDED
            assert (found.code_digest is None) == (order.tries_left is None) == (found.code_salt is None)
            assert order.slot is None or order.state in FETCHABLE
            assert order.loaded_g == order.handed_g + found.waiting_g
            assert (order.state == "handed_over") == (order.accept_by_ns is not None)
            assert (order.slot is None) == (found.slot_due_ns is None)
            assert not found.loads or order.state in ("loading", "loaded")
            if order.slot is not None:
                slot = order.slot
                slots[delivery_id] = (slot.warehouse, slot.dock, slot.starts_ns, slot.ends_ns)
            if _has_goods(order):
                delivering[order.receipt_id] = delivery_id
                receipt = books.receipts.get(order.receipt_id)
                assert receipt is None or receipt.participant_id == order.participant_id
                assert receipt is None or receipt.state in ("delivery_ordered", "held")
            assert found.due_ns is None or (found.due_ns, delivery_id) in due
        assert slots == self.slots.booked()
        assert delivering == books.delivering


def _has_goods(order: DeliveryOrder) -> bool:
    """Whether goods of the receipt are still to come by this order."""
    return order.state in FETCHABLE or order.state == "failed"
