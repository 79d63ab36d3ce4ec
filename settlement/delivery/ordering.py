"""Goods are ordered out by their holder or for a contract, and orders are taken back."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.delivery.goods import Goods
from settlement.delivery.register import OpenDelivery, Register
from settlement.delivery.states import STATES
from settlement.messages import ReceiptState
from settlement.messages.delivery import CancelDelivery, DeliveryOrder, RequestDelivery
from settlement.receipts import LiveReceipt

REFUSALS: Final[dict[ReceiptState, str]] = {
    "pledged": "receipt_pledged",
    "held": "receipt_held",
    "expired": "receipt_expired",
}
"""Why goods of such a receipt cannot be ordered out; in any other state but `issued` it is `not_issued`."""


class Ordering:
    def __init__(self, books: Books, register: Register, goods: Goods) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods

    def request(self, command: RequestDelivery) -> None:
        """Reasons: see the command."""
        books = self._books
        references = self._register.references
        participant_id = command.participant_id
        if participant_id not in books.purses:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        reference = None if command.reference is None else f"{participant_id}:{command.reference}"
        if reference is not None and reference in references:
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
            books.refuse(command, REFUSALS.get(receipt.state, "not_issued"), "receipt_id")
            return
        if receipt.reserved_g:
            books.refuse(command, "receipt_reserved", "receipt_id")
            return
        weight_g = receipt.weight_g if command.weight_g is None else command.weight_g
        if weight_g > receipt.weight_g:
            books.refuse(command, "invalid_weight_g", "weight_g")
            return
        if reference is not None:
            references.take(reference)
        if weight_g < receipt.weight_g:
            receipt = self._goods.split(receipt, weight_g)
        self._goods.order_out(receipt)
        tolerance_g = weight_g * books.venue.delivery.tolerance_permille // 1_000
        self._open(receipt, None, tolerance_g, command.code_salt, command.code_digest)

    def open_for_contract(self, receipt: LiveReceipt, contract_id: int, tolerance_g: int) -> int:
        """Title has passed to the buyer: the delivery order for his receipt; its number. He draws the code himself."""
        if receipt.state != "delivery_ordered":
            self._goods.order_out(receipt)
        return self._open(receipt, contract_id, tolerance_g, None, None)

    def cancel(self, command: CancelDelivery) -> None:
        """Reasons: see the command."""
        register = self._register
        found = register.own(command)
        if found is None or not register.permits(command, found, "cancel_delivery"):
            return
        if found.order.contract_id is not None:
            self._books.refuse(command, "under_contract", "delivery_id")
            return
        receipt = register.receipt(command, found)
        if receipt is None:
            return
        register.end_slot(found, "cancelled")
        self._goods.recall(receipt)
        order = found.order
        register.end(found, replace(order, state=STATES[order.state]["cancel_delivery"]), "cancelled")

    def withdraw(self, receipt_id: int) -> bool:
        """What is left of the goods will not be delivered: the contract has ended. The receipt is left as it is.

        Trucks that were not handed over are to be unloaded. False where there is no such order.
        """
        delivery_id = self._books.delivering.get(receipt_id)
        if delivery_id is None:
            return False
        register = self._register
        found = register.open[delivery_id]
        for load in found.loads:
            register.tell_load(replace(load, state="voided"), "cancelled")
        found.loads.clear()
        register.end_slot(found, "cancelled")
        order = found.order
        state = STATES[order.state]["the contract ends"]
        register.end(found, replace(order, state=state, loaded_g=order.handed_g), "cancelled")
        return True

    def _open(
        self, receipt: LiveReceipt, contract_id: int | None, tolerance_g: int, salt: str | None, digest: str | None
    ) -> int:
        books = self._books
        register = self._register
        stock = books.receipts.stock(receipt.lot_id)
        register.last_delivery_id = delivery_id = register.last_delivery_id + 1
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
        register.begin(OpenDelivery(order, tolerance_g, salt, digest, []))
        return delivery_id
