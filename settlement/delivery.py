"""Delivery: goods leave the warehouse, for whoever has title to them and to nobody else.

    request ─► ordered ─► loading ─► loaded ─► handed over ─► accepted
       slot at a dock     truck by truck       the buyer's      by the buyer, or
       storage paid       over the scale       code at the gate by time

A truck is weighed first and handed over then. Until its driver has shown the buyer's code nothing is posted, and a
weighing can be taken back: a slip of the pen, or goods that the driver refuses. With the code its grams leave the
holder's account for the warehouse's, and his receipt is lighter by them; the last truck ends it. What that one leaves
unloaded has dried up or spoiled: it is recorded as shrinkage, and the buyer is told why. Where more is missing than the
warehouse's standard allows, or the goods are unfit, the delivery fails instead, and a buy-in (`settlement.buy_in`)
makes it good.
"""

from heapq import heapify, heappop, heappush
from typing import Any, Final, Literal, Protocol

from msgspec import Struct, msgpack
from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import NANOSECONDS
from settlement.digest import Digest
from settlement.hand_over_codes import code_digest
from settlement.ledger import SHRINKAGE
from settlement.load_out_slots import LoadOutSlots, capacity_g, dock_of, refuse_time
from settlement.messages import ReceiptChanged, ReceiptState
from settlement.messages.delivery import (
    AcceptDelivery,
    BookSlot,
    CancelDelivery,
    CancelSlot,
    DeliveryCause,
    DeliveryChanged,
    DeliveryOrder,
    DeliveryState,
    DismissFailure,
    FailureCause,
    HandOver,
    Load,
    LoadChanged,
    MoveSlot,
    RenewCode,
    ReportFailedDelivery,
    RequestDelivery,
    Slot,
    SlotChanged,
    SlotState,
    VoidLoad,
    WeighOut,
)
from settlement.messages.receipts import StockChanged
from settlement.office import Handlers
from settlement.receipts import LiveReceipt, receipt_message
from settlement.references import References
from settlement.storekeeper import refuse_unpaid

HOUR_NS: Final = 3_600 * NANOSECONDS
UNLOADED: Final = "left when the last truck was loaded"
"""Why goods are written off where stock-taking has found more on the receipt than the last truck was to leave."""

Step = Literal[
    "weigh_out",
    "weigh_out, the last",
    "void_load, others are left",
    "void_load, the only one",
    "hand_over",
    "hand_over, the last",
    "accept_delivery",
    "time",
    "cancel_delivery",
    "the contract ends",
    "report_failed_delivery",
    "dismiss_failure, nothing has left",
    "dismiss_failure, some has left",
    "start_buy_in",
    "made good",
]

STATES: Final[dict[DeliveryState, dict[Step, DeliveryState]]] = {
    "ordered": {
        "weigh_out": "loading",
        "weigh_out, the last": "loaded",
        "cancel_delivery": "cancelled",
        "the contract ends": "cancelled",
        "report_failed_delivery": "failed",
    },
    "loading": {
        "weigh_out": "loading",
        "weigh_out, the last": "loaded",
        "void_load, others are left": "loading",
        "void_load, the only one": "ordered",
        "hand_over": "loading",
        "hand_over, the last": "handed_over",
        "the contract ends": "cancelled",
        "report_failed_delivery": "failed",
    },
    "loaded": {
        "void_load, others are left": "loading",
        "void_load, the only one": "ordered",
        "hand_over, the last": "handed_over",
        "the contract ends": "cancelled",
    },
    "handed_over": {"accept_delivery": "accepted", "time": "accepted"},
    "failed": {
        "dismiss_failure, nothing has left": "ordered",
        "dismiss_failure, some has left": "loading",
        "the contract ends": "cancelled",
        "start_buy_in": "buying_in",
    },
    "buying_in": {"made good": "made_good"},
    "accepted": {},
    "cancelled": {},
    "made_good": {},
}
"""Where each step leads. What is not here is refused as `delivery_<state>`; ended orders are `delivery_closed`."""

ENDED: Final = tuple(state for state, steps in STATES.items() if not steps)

REQUEST_REFUSALS: Final[dict[ReceiptState, str]] = {
    "pledged": "receipt_pledged",
    "held": "receipt_held",
    "expired": "receipt_expired",
}
"""Why goods of such a receipt cannot be ordered out; in any other state but `issued` it is `not_issued`."""

_encode = msgpack.Encoder().encode


class ContractDefault(Struct, frozen=True):
    """Who answers for a contract's undelivered goods, and what they cost a kilogram."""

    defaulter_id: int
    price: int


class ContractDeliveries(Protocol):
    """What the office of contracts is told of its deliveries, and asked."""

    def on_weighed_out(
        self,
        contract_id: int,
        delivery_id: int,
        net_g: int,
        posted_g: int,
        last: bool,
        wasted_g: int,
        reason: str | None,
    ) -> None:
        """Trucks have left with `net_g` by the scale; `posted_g` of it by the books. `last`: nothing more will come."""

    def on_delivery_accepted(self, contract_id: int, delivery_id: int) -> None: ...

    def on_delivery_failed(self, contract_id: int, delivery_id: int, weight_g: int, cause: FailureCause) -> None: ...

    def on_failure_dismissed(self, contract_id: int, delivery_id: int) -> None: ...

    def default_of(self, contract_id: int) -> ContractDefault | None: ...

    def cover_of(self, contract_id: int, weight_g: int) -> tuple[int, int]:
        """(what of the escrow returns to the buyer for so much undelivered, the defaulter's earnest money), in fen."""

    def drawn(self, contract_id: int, escrow_fen: int, earnest_fen: int) -> None:
        """So much has been paid out of what the contract held."""

    def on_made_good(self, contract_id: int, delivery_id: int, weight_g: int, bought_g: int, settled_g: int) -> None:
        """`weight_g` will not be delivered any more."""


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


class DeliveryOfficeState(Struct, frozen=True, array_like=True):
    last_delivery_id: int
    last_slot_id: int
    last_load_id: int
    open: list[OpenDelivery]
    tickets: list[str]
    references: list[str]


class Delivery:
    """The office at the gate. Costs are O(1), or O(log deliveries) where time is involved, unless said."""

    contracts: ContractDeliveries
    """Set by the engine where contracts lead to deliveries."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._slots: Final = LoadOutSlots()
        self._open: Final[dict[int, OpenDelivery]] = {}
        self._digest: Final[Digest[int]] = Digest()
        self._tickets: Final = References()
        self._references: Final = References()
        self._last_delivery_id = 0
        self._last_slot_id = 0
        self._last_load_id = 0
        # (due_ns, delivery_id); what is due at another time by now is dropped when it comes to the top.
        self._deadlines: list[tuple[int, int]] = []

    def handlers(self) -> Handlers:
        return {
            RequestDelivery: self._request,
            CancelDelivery: self._cancel,
            BookSlot: self._book_slot,
            MoveSlot: self._move_slot,
            CancelSlot: self._cancel_slot,
            WeighOut: self._weigh_out,
            VoidLoad: self._void_load,
            RenewCode: self._renew_code,
            HandOver: self._hand_over,
            AcceptDelivery: self._accept,
            ReportFailedDelivery: self._report_failure,
            DismissFailure: self._dismiss_failure,
        }

    # Looking

    def get(self, delivery_id: int) -> DeliveryOrder | None:
        """A delivery order that has not ended."""
        found = self._open.get(delivery_id)
        return None if found is None else found.order

    def all(self) -> list[DeliveryOrder]:
        """Those that have not ended, ascending. O(deliveries)."""
        return [found.order for found in self._open.values()]

    def loads(self, delivery_id: int) -> list[Load]:
        """The trucks that were weighed and not handed over, ascending."""
        found = self._open.get(delivery_id)
        return [] if found is None else list(found.loads)

    @property
    def slots(self) -> LoadOutSlots:
        return self._slots

    # Ordering

    def _request(self, command: RequestDelivery) -> None:
        """Reasons: see the command."""
        books = self._books
        participant_id = command.participant_id
        if participant_id not in books.purses:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        reference = None if command.reference is None else f"{participant_id}:{command.reference}"
        if reference is not None and reference in self._references:
            books.refuse(command, "duplicate_reference", "reference")
            return
        if (command.code_salt is None) != (command.code_digest is None):
            books.refuse(command, "invalid_code_digest", "code_digest")
            return
        receipt = books.receipts.get(command.receipt_id)
        if receipt is None or receipt.participant_id != participant_id:
            books.refuse(command, "unknown_receipt", "receipt_id")
            return
        if receipt.state != "issued":
            books.refuse(command, REQUEST_REFUSALS.get(receipt.state, "not_issued"), "receipt_id")
            return
        if receipt.reserved_g:
            books.refuse(command, "receipt_reserved", "receipt_id")
            return
        weight_g = receipt.weight_g if command.weight_g is None else command.weight_g
        if weight_g > receipt.weight_g:
            books.refuse(command, "invalid_weight_g", "weight_g")
            return
        if reference is not None:
            self._references.take(reference)
        if weight_g < receipt.weight_g:
            receipt = self._split(receipt, weight_g)
        tolerance_g = weight_g * books.venue.delivery.tolerance_permille // 1_000
        self._order_out(receipt)
        self._open_order(receipt, None, tolerance_g, command.code_salt, command.code_digest)

    def open_for_contract(self, receipt: LiveReceipt, contract_id: int, tolerance_g: int) -> int:
        """Title has passed to the buyer: the delivery order for his receipt; its number. He draws the code himself."""
        if receipt.state != "delivery_ordered":
            self._order_out(receipt)
        return self._open_order(receipt, contract_id, tolerance_g, None, None)

    def withdraw(self, receipt_id: int) -> bool:
        """What is left of the goods will not be delivered: the contract has ended. The receipt is left as it is.

        Trucks that were not handed over are to be unloaded. False where there is no such order.
        """
        delivery_id = self._books.delivering.get(receipt_id)
        if delivery_id is None:
            return False
        found = self._open[delivery_id]
        for load in found.loads:
            self._tell_load(replace(load, state="voided"), "cancelled")
        found.loads.clear()
        self._end_slot(found, "cancelled")
        order = found.order
        state = STATES[order.state]["the contract ends"]
        self._end(found, replace(order, state=state, loaded_g=order.handed_g), "cancelled")
        return True

    def _split(self, receipt: LiveReceipt, weight_g: int) -> LiveReceipt:
        """So much of a free receipt becomes one, the rest another; the first of them."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        wanted, rest = books.receipts.split(receipt, (weight_g, receipt.weight_g - weight_g), books.time_ns)
        for each in (receipt, wanted, rest):
            books.events.append(ReceiptChanged("split", receipt_message(each, stock)))
        return wanted

    def _order_out(self, receipt: LiveReceipt) -> None:
        """An issued receipt leaves trade."""
        books = self._books
        books.receipts.order_delivery(receipt)
        message = books.receipts.message(receipt)
        books.events.append(ReceiptChanged("delivery_ordered", message))
        books.touch(receipt.participant_id, message.symbol)
        books.desk.close_exhausted((message.symbol,))

    def _open_order(
        self, receipt: LiveReceipt, contract_id: int | None, tolerance_g: int, salt: str | None, digest: str | None
    ) -> int:
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        self._last_delivery_id = delivery_id = self._last_delivery_id + 1
        order = DeliveryOrder(
            delivery_id=delivery_id,
            receipt_id=receipt.receipt_id,
            contract_id=contract_id,
            participant_id=receipt.participant_id,
            lot_id=receipt.lot_id,
            warehouse=stock.warehouse,
            issued_by=stock.issued_by,
            symbol=stock.symbol,
            ordered_g=receipt.weight_g,
            ordered_ns=books.time_ns,
            tries_left=None if digest is None else books.venue.delivery.code_tries,
        )
        found = OpenDelivery(order, tolerance_g, salt, digest, [])
        self._open[delivery_id] = found
        books.delivering[receipt.receipt_id] = delivery_id
        self._tell(found, order, "ordered")
        return delivery_id

    def _cancel(self, command: CancelDelivery) -> None:
        """Reasons: see the command."""
        found = self._own(command)
        if found is None or not self._permits(command, found, "cancel_delivery"):
            return
        books = self._books
        if found.order.contract_id is not None:
            books.refuse(command, "under_contract", "delivery_id")
            return
        receipt = self._receipt(command, found)
        if receipt is None:
            return
        self._end_slot(found, "cancelled")
        self._recall(receipt)
        state = STATES[found.order.state]["cancel_delivery"]
        self._end(found, replace(found.order, state=state), "cancelled")

    def _recall(self, receipt: LiveReceipt) -> None:
        """The receipt can be sold again, unless its green life has ended meanwhile."""
        books = self._books
        books.receipts.recall(receipt)
        stock = books.receipts.stock(receipt.lot_id)
        expired = stock.expires_ns <= books.time_ns
        if expired:
            books.receipts.expire(receipt)
        books.events.append(ReceiptChanged("recalled", books.receipts.message(receipt)))
        books.touch(receipt.participant_id, stock.symbol)
        if not expired:
            books.desk.open(stock.symbol)

    # Slots

    def _book_slot(self, command: BookSlot) -> None:
        """Reasons: see the command."""
        found = self._for_slot(command)
        if found is None:
            return
        if found.order.slot is not None:
            self._books.refuse(command, "slot_booked", "delivery_id")
            return
        ends_ns = self._fit_slot(command, found)
        if ends_ns is not None:
            self._last_slot_id += 1
            self._take_slot(command, found, ends_ns, self._last_slot_id, "slot_booked")

    def _move_slot(self, command: MoveSlot) -> None:
        """Reasons: see the command."""
        found = self._for_slot(command)
        if found is None:
            return
        slot = found.order.slot
        if slot is None:
            self._books.refuse(command, "no_slot", "delivery_id")
            return
        ends_ns = self._fit_slot(command, found)
        if ends_ns is not None:
            self._slots.release(slot)
            self._take_slot(command, found, ends_ns, slot.slot_id, "slot_moved")

    def _cancel_slot(self, command: CancelSlot) -> None:
        """Reasons: see the command."""
        found = self._reachable(command)
        if found is None:
            return
        if found.order.slot is None:
            self._books.refuse(command, "no_slot", "delivery_id")
            return
        self._end_slot(found, "cancelled")
        self._tell(found, found.order, "slot_cancelled")

    def _for_slot(self, command: BookSlot | MoveSlot) -> OpenDelivery | None:
        """A delivery that is still to be loaded."""
        found = self._reachable(command)
        return found if found is not None and self._permits(command, found, "weigh_out") else None

    def _fit_slot(self, command: BookSlot | MoveSlot, found: OpenDelivery) -> int | None:
        """When the wanted time ends; None where it cannot be had, which is said."""
        books = self._books
        order = found.order
        dock = dock_of(books.venue.docks, order.warehouse, command.dock)
        if dock is None:
            books.refuse(command, "unknown_dock", "dock")
            return None
        refusal = refuse_time(dock, command.starts_ns, command.slots)
        ends_ns = command.starts_ns + command.slots * dock.slot_seconds * NANOSECONDS
        receipt = books.receipts.get(order.receipt_id)
        field = "starts_ns"
        if refusal is None:
            if command.starts_ns < books.time_ns:
                refusal = "slot_in_past"
            elif receipt is None:
                refusal, field = "receipt_gone", "delivery_id"
            elif ends_ns > books.receipts.stock(receipt.lot_id).expires_ns:
                refusal = "receipt_expires"
            elif receipt.weight_g - found.waiting_g > capacity_g(dock, command.slots):
                refusal, field = "over_capacity", "slots"
            elif not self._slots.free(order.warehouse, dock.code, command.starts_ns, ends_ns, order.delivery_id):
                refusal = "slot_taken"
        if refusal is not None:
            books.refuse(command, refusal, field)
            return None
        return ends_ns

    def _take_slot(
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
        self._slots.book(slot)
        found.slot_due_ns = ends_ns + self._grace_ns()
        found.slot_used = False
        self._books.events.append(SlotChanged(slot=slot))
        self._tell(found, replace(order, slot=slot), cause)

    def _end_slot(self, found: OpenDelivery, state: SlotState) -> None:
        """The dock is free again; nothing where none was booked."""
        slot = found.order.slot
        if slot is None:
            return
        self._slots.release(slot)
        found.slot_due_ns = None
        found.order = replace(found.order, slot=None)
        self._books.events.append(SlotChanged(slot=replace(slot, state=state)))

    def _grace_ns(self) -> int:
        return self._books.venue.delivery.slot_grace_seconds * NANOSECONDS

    # Loading

    def _weigh_out(self, command: WeighOut) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        ticket = f"{command.scale_id}:{command.ticket}"
        if ticket in self._tickets:
            books.refuse(command, "duplicate_reference", "ticket")
            return
        found = self._any(command)
        if found is None or not self._permits(command, found, "weigh_out"):
            return
        order = found.order
        receipt = self._receipt(command, found)
        if receipt is None:
            return
        refusal = self._refuse_loading(found, receipt)
        if refusal is not None:
            books.refuse(command, refusal, "delivery_id")
            return
        net_g = command.gross_g - command.tare_g
        if net_g <= 0:
            books.refuse(command, "invalid_tare_g", "tare_g")
            return
        left_g = receipt.weight_g - found.waiting_g
        if left_g <= 0 or net_g > left_g + found.tolerance_g:
            books.refuse(command, "over_order", "gross_g")
            return
        posted_g = min(net_g, left_g)
        last = command.last or posted_g == left_g
        short_g = left_g - posted_g if last else 0
        if short_g and command.reason is None:
            books.refuse(command, "reason_required", "reason")
            return
        if order.contract_id is None and short_g > self._wastage_g(order, receipt):
            books.refuse(command, "over_wastage", "last")
            return
        self._tickets.take(ticket)
        self._last_load_id += 1
        load = Load(
            load_id=self._last_load_id,
            delivery_id=order.delivery_id,
            ticket=command.ticket,
            gross_g=command.gross_g,
            tare_g=command.tare_g,
            net_g=net_g,
            posted_g=posted_g,
            scale_id=command.scale_id,
            plate=command.plate,
            carrier=command.carrier,
            driver=command.driver,
            last=last,
            reason=command.reason if short_g else None,
            operator_id=command.operator_id,
            weighed_ns=books.time_ns,
        )
        found.loads.append(load)
        found.slot_used = True
        self._tell_load(load)
        state = STATES[order.state]["weigh_out, the last" if last else "weigh_out"]
        self._tell(found, replace(order, state=state, loaded_g=order.loaded_g + posted_g), "weighed_out", load.reason)

    def _refuse_loading(self, found: OpenDelivery, receipt: LiveReceipt) -> str | None:
        """`storage_unpaid`, `no_slot`, `outside_slot`.

        Where a warehouse has docks, trucks come by appointment. Goods whose green life is over leave when they can.
        """
        books = self._books
        unpaid = refuse_unpaid(books, receipt)
        if unpaid is not None:
            return unpaid
        if books.receipts.stock(receipt.lot_id).expires_ns <= books.time_ns:
            return None
        slot = found.order.slot
        if slot is None:
            by_appointment = any(dock.warehouse == found.order.warehouse for dock in books.venue.docks)
            return "no_slot" if by_appointment else None
        assert found.slot_due_ns is not None
        return None if slot.starts_ns - self._grace_ns() <= books.time_ns < found.slot_due_ns else "outside_slot"

    def _wastage_g(self, order: DeliveryOrder, receipt: LiveReceipt) -> int:
        """What may be missing at the last truck: the standard on the receipt, else the venue's own."""
        tariff = self._books.receipts.stock(receipt.lot_id).tariff
        permille = self._books.venue.delivery.wastage_permille if tariff is None else tariff.wastage_permille
        return order.ordered_g * permille // 1_000

    def _void_load(self, command: VoidLoad) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        found = self._any(command)
        if found is None:
            return
        load = next((load for load in found.loads if load.load_id == command.load_id), None)
        if load is None:
            books.refuse(command, "unknown_load", "load_id")
            return
        found.loads.remove(load)
        self._tell_load(replace(load, state="voided"), command.reason)
        for index, other in enumerate(found.loads):
            if other.last:  # There is more to come again.
                found.loads[index] = replace(other, last=False, reason=None)
                self._tell_load(found.loads[index])
        order = found.order
        loaded_g = order.loaded_g - load.posted_g
        state = STATES[order.state]["void_load, others are left" if loaded_g else "void_load, the only one"]
        self._tell(found, replace(order, state=state, loaded_g=loaded_g), "load_voided", command.reason)

    # Handing over

    def _renew_code(self, command: RenewCode) -> None:
        """Reasons: see the command."""
        found = self._own(command)
        if found is None:
            return
        if found.order.state not in ("ordered", "loading", "loaded"):
            self._books.refuse(command, f"delivery_{found.order.state}", "delivery_id")
            return
        found.code_salt = command.code_salt
        found.code_digest = command.code_digest
        self._tell(found, replace(found.order, tries_left=self._books.venue.delivery.code_tries), "code_renewed")

    def _hand_over(self, command: HandOver) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        found = self._any(command)
        if found is None:
            return
        order = found.order
        if not found.loads:
            books.refuse(command, "nothing_weighed", "delivery_id")
            return
        receipt = self._receipt(command, found)
        if receipt is None:
            return
        if found.code_salt is None or order.tries_left is None:
            books.refuse(command, "no_code", "delivery_id")
            return
        if not order.tries_left:
            books.refuse(command, "code_locked", "delivery_id")
            return
        if code_digest(found.code_salt, command.code) != found.code_digest:
            self._tell(found, replace(order, tries_left=order.tries_left - 1), "wrong_code")
            books.refuse(command, "wrong_code", "code")
            return
        found.code_salt = found.code_digest = None
        self._leave(found, receipt)

    def _leave(self, found: OpenDelivery, receipt: LiveReceipt) -> None:
        """The weighed trucks drive off: their grams are posted, the last one ends the receipt.

        Shrinkage that was recorded since a truck was weighed may have left less on the receipt than it carries: then
        what there is on the books is posted.
        """
        books = self._books
        order = found.order
        stock = books.receipts.stock(receipt.lot_id)
        left_g = receipt.weight_g
        net_g = posted_g = 0
        gone: list[Load] = []
        for load in found.loads:
            grams = min(load.posted_g, left_g)
            left_g -= grams
            net_g += load.net_g
            posted_g += grams
            gone.append(replace(load, posted_g=grams, state="handed_over", handed_ns=books.time_ns))
        found.loads.clear()
        last = gone[-1].last or not left_g
        reason = gone[-1].reason
        wasted_g = left_g if last else 0
        if wasted_g:
            self._waste(receipt, wasted_g, gone[-1].operator_id, reason or UNLOADED)
        account = books.purses[order.participant_id].account
        books.post(
            "load_out",
            receipt.receipt_id,
            [books.move_goods(stock, account, stock.account, load.posted_g) for load in gone if load.posted_g],
        )
        books.receipts.load_out(receipt, posted_g)
        books.events.append(ReceiptChanged("delivered", receipt_message(receipt, stock)))
        books.touch(order.participant_id, stock.symbol)
        for load in gone:
            self._tell_load(load)
        accept_by_ns = None
        if last:
            self._end_slot(found, "used")
            del books.delivering[order.receipt_id]
            accept_by_ns = books.time_ns + books.venue.delivery.acceptance_hours * HOUR_NS
        handed_g = order.handed_g + posted_g
        self._tell(
            found,
            replace(
                found.order,
                state=STATES[order.state]["hand_over, the last" if last else "hand_over"],
                loaded_g=handed_g,
                handed_g=handed_g,
                wasted_g=order.wasted_g + wasted_g,
                wastage_reason=reason,
                tries_left=None,
                handed_ns=books.time_ns,
                accept_by_ns=accept_by_ns,
            ),
            "handed_over",
            reason,
        )
        if order.contract_id is not None:
            self.contracts.on_weighed_out(order.contract_id, order.delivery_id, net_g, posted_g, last, wasted_g, reason)

    def _accept(self, command: AcceptDelivery) -> None:
        """Reasons: see the command."""
        found = self._own(command)
        if found is not None and self._permits(command, found, "accept_delivery"):
            self._be_accepted(found, "accepted")

    def _be_accepted(self, found: OpenDelivery, cause: DeliveryCause) -> None:
        order = found.order
        self._end(found, replace(order, state="accepted", accept_by_ns=None), cause)
        if order.contract_id is not None:
            self.contracts.on_delivery_accepted(order.contract_id, order.delivery_id)

    # Failing

    def _report_failure(self, command: ReportFailedDelivery) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("warehouse", "operator")):
            return
        found = self._any(command)
        if found is None or not self._permits(command, found, "report_failed_delivery"):
            return
        if found.loads:
            books.refuse(command, "load_pending", "delivery_id")
            return
        order = found.order
        receipt = books.receipts.get(order.receipt_id)
        if command.cause == "held" and (receipt is None or receipt.state != "held"):
            books.refuse(command, "not_held", "cause")
            return
        if command.cause == "expired" and (
            receipt is None or books.receipts.stock(receipt.lot_id).expires_ns > books.time_ns
        ):
            books.refuse(command, "not_expired", "cause")
            return
        # Of a receipt that is gone nothing came; else what was recorded as shrinkage meanwhile is its holder's loss.
        failed_g = order.ordered_g - order.handed_g if receipt is None else receipt.weight_g
        self._end_slot(found, "cancelled")
        self._tell(
            found,
            replace(
                found.order,
                state="failed",
                failed_g=failed_g,
                failure=command.cause,
                failure_reason=command.reason,
                reported_by=command.operator_id,
            ),
            "failed",
            command.reason,
        )
        if order.contract_id is not None:
            self.contracts.on_delivery_failed(order.contract_id, order.delivery_id, failed_g, command.cause)

    def _dismiss_failure(self, command: DismissFailure) -> None:
        """Reasons: see the command."""
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        found = self._any(command)
        if found is None or not self._permits(command, found, "dismiss_failure, some has left"):
            return
        order = found.order
        if order.reported_by == command.operator_id:
            books.refuse(command, "same_operator", "operator_id")
            return
        step: Step = "dismiss_failure, some has left" if order.handed_g else "dismiss_failure, nothing has left"
        self._tell(
            found,
            replace(
                order,
                state=STATES[order.state][step],
                failed_g=0,
                failure=None,
                failure_reason=None,
                reported_by=None,
            ),
            "failure_dismissed",
            command.reason,
        )
        if order.contract_id is not None:
            self.contracts.on_failure_dismissed(order.contract_id, order.delivery_id)

    def _waste(self, receipt: LiveReceipt, weight_g: int, operator_id: int, reason: str) -> None:
        """So much of the receipt is no longer there: recorded as the lot's shrinkage."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        booked_g = stock.weight_g
        account = books.purses[receipt.participant_id].account
        books.post("shrinkage", stock.lot_id, (books.move_goods(stock, account, SHRINKAGE, weight_g),))
        books.receipts.shrink(stock, ((receipt, weight_g),))
        books.events.append(
            StockChanged(
                lot_id=stock.lot_id,
                warehouse=stock.warehouse,
                operator_id=operator_id,
                cause="shrinkage",
                booked_g=booked_g,
                weight_g=stock.weight_g,
                shrinkage_g=stock.shrinkage_g,
                reason=reason,
            )
        )
        books.events.append(ReceiptChanged("shrinkage", receipt_message(receipt, stock)))
        books.touch(receipt.participant_id, stock.symbol)

    def _give_up(self, receipt: LiveReceipt, defaulter_id: int) -> None:
        """The goods lie there still, and are the defaulter's: to be sold as what they are, held, or expired."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        taken = books.receipts.give_up(receipt, defaulter_id, books.time_ns)
        if stock.expires_ns <= books.time_ns:
            books.receipts.expire(taken)
        giver, taker = books.purses[receipt.participant_id].account, books.purses[defaulter_id].account
        books.post("delivery", receipt.receipt_id, (books.move_goods(stock, giver, taker, receipt.weight_g),))
        books.events.append(ReceiptChanged("transferred", receipt_message(receipt, stock)))
        books.events.append(ReceiptChanged("transferred", books.receipts.message(taken)))
        books.touch(receipt.participant_id, stock.symbol)
        books.touch(defaulter_id, stock.symbol)
        if taken.state == "issued":
            books.desk.open(stock.symbol)

    def begin_making_good(self, delivery_id: int, defaulter_id: int) -> DeliveryOrder:
        """A buy-in begins. What failed is the buyer's no more: gone, or the defaulter's."""
        found = self._open[delivery_id]
        order = found.order
        receipt = self._books.receipts.get(order.receipt_id)
        del self._books.delivering[order.receipt_id]
        found.code_salt = found.code_digest = None
        if receipt is not None:
            order = replace(order, failed_g=receipt.weight_g)
            if order.failure in ("missing", "spoiled"):
                self._waste(receipt, receipt.weight_g, order.reported_by or 0, order.failure_reason or "")
            else:
                self._give_up(receipt, defaulter_id)
        self._tell(found, replace(order, state=STATES[order.state]["start_buy_in"], tries_left=None), "buy_in_started")
        return found.order

    def end_making_good(self, delivery_id: int) -> None:
        """The buyer has other goods, or money."""
        found = self._open[delivery_id]
        self._end(found, replace(found.order, state=STATES[found.order.state]["made good"]), "made_good")

    # Finding

    def find(self, command: Any) -> DeliveryOrder | None:
        """The order that a command names; `unknown_delivery`, or `delivery_closed` of one that has ended."""
        found = self._any(command)
        return None if found is None else found.order

    def _any(self, command: Any) -> OpenDelivery | None:
        delivery_id: int = command.delivery_id
        found = self._open.get(delivery_id)
        if found is None:
            known = delivery_id <= self._last_delivery_id
            self._books.refuse(command, "delivery_closed" if known else "unknown_delivery", "delivery_id")
        return found

    def _own(self, command: Any) -> OpenDelivery | None:
        """The buyer's own."""
        found = self._any(command)
        if found is not None and found.order.participant_id != command.participant_id:
            self._books.refuse(command, "unknown_delivery", "delivery_id")
            return None
        return found

    def _reachable(self, command: Any) -> OpenDelivery | None:
        """The buyer's own; the warehouse reaches everyone's."""
        books = self._books
        participant = books.participants.get(command.participant_id)
        if participant is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return None
        return self._any(command) if "warehouse" in participant.roles else self._own(command)

    def _receipt(self, command: Any, found: OpenDelivery) -> LiveReceipt | None:
        """The receipt, whose goods may leave; else `receipt_gone` or `receipt_<state>`."""
        receipt = self._books.receipts.get(found.order.receipt_id)
        if receipt is not None and receipt.state == "delivery_ordered":
            return receipt
        reason = "receipt_gone" if receipt is None else f"receipt_{receipt.state}"
        self._books.refuse(command, reason, "delivery_id")
        return None

    def _permits(self, command: Any, found: OpenDelivery, step: Step) -> bool:
        """Whether the state of the order allows the step; `delivery_<state>` if not."""
        state = found.order.state
        if step in STATES[state]:
            return True
        self._books.refuse(command, f"delivery_{state}", "delivery_id")
        return False

    # Telling

    def _tell(self, found: OpenDelivery, order: DeliveryOrder, cause: DeliveryCause, reason: str | None = None) -> None:
        """The order stands like this now."""
        found.order = order
        self._digest.changed[order.delivery_id] = None
        due_ns = found.due_ns
        if due_ns is not None:
            heappush(self._deadlines, (due_ns, order.delivery_id))
        self._books.events.append(DeliveryChanged(cause=cause, delivery=order, reason=reason))

    def _tell_load(self, load: Load, reason: str | None = None) -> None:
        self._books.events.append(LoadChanged(load=load, reason=reason))

    def _end(self, found: OpenDelivery, order: DeliveryOrder, cause: DeliveryCause) -> None:
        """The order leaves; what was written about it stays in the events."""
        self._tell(found, order, cause)
        del self._open[order.delivery_id]
        self._books.delivering.pop(order.receipt_id, None)

    # Time

    def next_deadline_ns(self) -> int | None:
        """When the next slot is over, or the next delivery is accepted by time."""
        deadlines = self._deadlines
        while deadlines:
            due_ns, delivery_id = deadlines[0]
            found = self._open.get(delivery_id)
            if found is not None and found.due_ns == due_ns:
                return due_ns
            heappop(deadlines)
        return None

    def reach(self) -> None:
        now_ns = self._books.time_ns
        while (due_ns := self.next_deadline_ns()) is not None and due_ns <= now_ns:
            found = self._open[heappop(self._deadlines)[1]]
            if found.slot_due_ns is not None:
                self._end_slot(found, "used" if found.slot_used else "missed")
                self._tell(found, found.order, "slot_used" if found.slot_used else "slot_missed")
            else:
                self._be_accepted(found, "accepted_by_time")

    # State

    def state(self) -> bytes:
        return _encode(
            DeliveryOfficeState(
                self._last_delivery_id,
                self._last_slot_id,
                self._last_load_id,
                list(self._open.values()),
                self._tickets.state(),
                self._references.state(),
            )
        )

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=DeliveryOfficeState)
        self._last_delivery_id = decoded.last_delivery_id
        self._last_slot_id = decoded.last_slot_id
        self._last_load_id = decoded.last_load_id
        self._tickets.restore(decoded.tickets)
        self._references.restore(decoded.references)
        for found in decoded.open:
            order = found.order
            self._open[order.delivery_id] = found
            self._digest.changed[order.delivery_id] = None
            if order.slot is not None:
                self._slots.book(order.slot)
            if self._has_goods(order):
                self._books.delivering[order.receipt_id] = order.delivery_id
            if found.due_ns is not None:
                self._deadlines.append((found.due_ns, order.delivery_id))
        heapify(self._deadlines)

    def digest(self) -> Any:
        return (
            (self._last_delivery_id, self._last_slot_id, self._last_load_id),
            self._digest.bring_up_to_date(self._open.get),
            self._tickets.digest(),
            self._references.digest(),
        )

    @staticmethod
    def _has_goods(order: DeliveryOrder) -> bool:
        """Whether goods of the receipt are still to come by this order."""
        return order.state in ("ordered", "loading", "loaded", "failed")

    def audit(self) -> None:
        """Orders, receipts, slots and deadlines agree. O(deliveries)."""
        books = self._books
        assert list(self._open) == sorted(self._open)
        self._slots.audit()
        slots = {}
        delivering = {}
        due = dict.fromkeys(self._deadlines)
        for delivery_id, found in self._open.items():
            order = found.order
            assert order.delivery_id == delivery_id <= self._last_delivery_id
            assert order.state not in ENDED
            assert (found.code_digest is None) == (order.tries_left is None) == (found.code_salt is None)
            assert order.slot is None or order.state in ("ordered", "loading", "loaded")
            assert order.loaded_g == order.handed_g + found.waiting_g
            assert (order.state == "handed_over") == (order.accept_by_ns is not None)
            assert (order.slot is None) == (found.slot_due_ns is None)
            assert not found.loads or order.state in ("loading", "loaded")
            if order.slot is not None:
                slot = order.slot
                slots[delivery_id] = (slot.warehouse, slot.dock, slot.starts_ns, slot.ends_ns)
            if self._has_goods(order):
                delivering[order.receipt_id] = delivery_id
                receipt = books.receipts.get(order.receipt_id)
                assert receipt is None or receipt.participant_id == order.participant_id
                assert receipt is None or receipt.state in ("delivery_ordered", "held")
            assert found.due_ns is None or (found.due_ns, delivery_id) in due
        assert slots == self._slots.booked()
        assert delivering == books.delivering
