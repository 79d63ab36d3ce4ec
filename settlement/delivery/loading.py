"""Trucks on the scale: what they carry, and what the last one leaves."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.delivery.docks import Docks
from settlement.delivery.register import OpenDelivery, Register
from settlement.delivery.states import STATES
from settlement.messages.delivery import Load, VoidLoad, WeighOut
from settlement.receipts import LiveReceipt
from settlement.storekeeper import refuse_unpaid


class Loading:
    def __init__(self, books: Books, register: Register, docks: Docks) -> None:
        self._books: Final = books
        self._register: Final = register
        self._docks: Final = docks

    def weigh_out(self, command: WeighOut) -> None:
        """Reasons: see the command."""
        books = self._books
        register = self._register
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        ticket = f"{command.scale_id}:{command.ticket}"
        if ticket in register.tickets:
            books.refuse(command, "duplicate_reference", "ticket")
            return
        found = register.any(command)
        if found is None or not register.permits(command, found, "weigh_out"):
            return
        receipt = register.receipt(command, found)
        if receipt is None:
            return
        refusal = self._refuse(command, found, receipt)
        if refusal is not None:
            books.refuse(command, *refusal)
            return
        register.tickets.take(ticket)
        load = self._load(command, found, receipt)
        found.loads.append(load)
        found.slot_used = True
        register.tell_load(load)
        order = found.order
        state = STATES[order.state]["weigh_out, the last" if load.last else "weigh_out"]
        order = replace(order, state=state, loaded_g=order.loaded_g + load.posted_g)
        register.tell(found, order, "weighed_out", load.reason)

    def void(self, command: VoidLoad) -> None:
        """Reasons: see the command."""
        books = self._books
        register = self._register
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        found = register.any(command)
        if found is None:
            return
        load = next((load for load in found.loads if load.load_id == command.load_id), None)
        if load is None:
            books.refuse(command, "unknown_load", "load_id")
            return
        found.loads.remove(load)
        register.tell_load(replace(load, state="voided"), command.reason)
        for index, other in enumerate(found.loads):
            if other.last:  # There is more to come again.
                found.loads[index] = replace(other, last=False, reason=None)
                register.tell_load(found.loads[index])
        order = found.order
        loaded_g = order.loaded_g - load.posted_g
        state = STATES[order.state]["void_load, others are left" if loaded_g else "void_load, the only one"]
        register.tell(found, replace(order, state=state, loaded_g=loaded_g), "load_voided", command.reason)

    def _refuse(self, command: WeighOut, found: OpenDelivery, receipt: LiveReceipt) -> tuple[str, str] | None:
        """(reason, field): `storage_unpaid`, `no_slot`, `outside_slot`, `invalid_tare_g`, `over_order`,
        `reason_required`, `over_wastage`; None: the truck may be loaded so.

        Goods whose green life is over leave when they can. A contract judges itself what too little is.
        """
        books = self._books
        unpaid = refuse_unpaid(books, receipt)
        if unpaid is not None:
            return unpaid, "delivery_id"
        if books.receipts.stock(receipt.lot_id).expires_ns > books.time_ns:
            refusal = self._docks.refuse_now(found)
            if refusal is not None:
                return refusal, "delivery_id"
        net_g = command.gross_g - command.tare_g
        if net_g <= 0:
            return "invalid_tare_g", "tare_g"
        left_g = receipt.weight_g - found.waiting_g
        if left_g <= 0 or net_g > left_g + found.tolerance_g:
            return "over_order", "gross_g"
        short_g = max(left_g - net_g, 0) if command.last else 0
        if short_g and command.reason is None:
            return "reason_required", "reason"
        if found.order.contract_id is None and short_g > self._wastage_g(found, receipt):
            return "over_wastage", "last"
        return None

    def _load(self, command: WeighOut, found: OpenDelivery, receipt: LiveReceipt) -> Load:
        """The truck, against which nothing stands. One that takes all that is left is the last, said or not."""
        net_g = command.gross_g - command.tare_g
        left_g = receipt.weight_g - found.waiting_g
        self._register.last_load_id += 1
        return Load(
            load_id=self._register.last_load_id,
            delivery_id=found.order.delivery_id,
            ticket=command.ticket,
            gross_g=command.gross_g,
            tare_g=command.tare_g,
            net_g=net_g,
            posted_g=min(net_g, left_g),
            scale_id=command.scale_id,
            plate=command.plate,
            carrier=command.carrier,
            driver=command.driver,
            last=command.last or net_g >= left_g,
            reason=command.reason if command.last and net_g < left_g else None,
            operator_id=command.operator_id,
            weighed_ns=self._books.time_ns,
        )

    def _wastage_g(self, found: OpenDelivery, receipt: LiveReceipt) -> int:
        """What may be missing at the last truck: the standard on the receipt, else the venue's own."""
        tariff = self._books.receipts.stock(receipt.lot_id).tariff
        permille = self._books.venue.delivery.wastage_permille if tariff is None else tariff.wastage_permille
        return found.order.ordered_g * permille // 1_000
