"""The gate: trucks leave with whoever knows the buyer's code, and the buyer says that he has the goods."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import NANOSECONDS
from settlement.delivery.goods import Goods
from settlement.delivery.register import OpenDelivery, Register
from settlement.delivery.states import FETCHABLE, STATES, Step
from settlement.hand_over_codes import code_digest
from settlement.messages.delivery import AcceptDelivery, DeliveryCause, HandOver, Load, RenewCode
from settlement.receipts import LiveReceipt
from settlement.storekeeper import collect

HOUR_NS: Final = 3_600 * NANOSECONDS
UNLOADED: Final = "left when the last truck was loaded"
"""Why goods are written off where stock-taking has found more on the receipt than the last truck was to leave."""


class Gate:
    def __init__(self, books: Books, register: Register, goods: Goods) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods

    def renew_code(self, command: RenewCode) -> None:
        """Reasons: see the command."""
        found = self._register.own(command)
        if found is None:
            return
        if found.order.state not in FETCHABLE:
            self._books.refuse(command, f"delivery_{found.order.state}", "delivery_id")
            return
        found.code_salt = command.code_salt
        found.code_digest = command.code_digest
        tries = self._books.venue.delivery.code_tries
        self._register.tell(found, replace(found.order, tries_left=tries), "code_renewed")

    def hand_over(self, command: HandOver) -> None:
        """Reasons: see the command."""
        books = self._books
        register = self._register
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        found = register.any(command)
        if found is None:
            return
        if not found.loads:
            books.refuse(command, "nothing_weighed", "delivery_id")
            return
        receipt = register.receipt(command, found)
        if receipt is None:
            return
        order = found.order
        if found.code_salt is None or order.tries_left is None:
            books.refuse(command, "no_code", "delivery_id")
            return
        if not order.tries_left:
            books.refuse(command, "code_locked", "delivery_id")
            return
        if code_digest(found.code_salt, command.code) != found.code_digest:
            register.tell(found, replace(order, tries_left=order.tries_left - 1), "wrong_code")
            books.refuse(command, "wrong_code", "code")
            return
        found.code_salt = found.code_digest = None
        self._leave(found, receipt)

    def _leave(self, found: OpenDelivery, receipt: LiveReceipt) -> None:
        """The weighed trucks drive off: their grams are posted, the last one ends the receipt.

        Storage was paid when it was weighed. What has come due since, over midnight, is taken from the holder's free
        cash as far as that reaches, and the rest lapses. Shrinkage that was recorded since may have left less on the
        receipt than the trucks carry: then what there is on the books is posted.
        """
        books = self._books
        register = self._register
        books.post("storage", receipt.receipt_id, collect(books, receipt, "delivery", receipt.receipt_id))
        left_g = receipt.weight_g
        gone: list[Load] = []
        for load in found.loads:
            grams = min(load.posted_g, left_g)
            left_g -= grams
            gone.append(replace(load, posted_g=grams, state="handed_over", handed_ns=books.time_ns))
        found.loads.clear()
        last = gone[-1].last or not left_g
        reason = gone[-1].reason
        wasted_g = left_g if last else 0
        if wasted_g:
            reason = reason or UNLOADED
            self._goods.waste(receipt, wasted_g, gone[-1].operator_id, reason)
        self._goods.unload(receipt, [load.posted_g for load in gone])
        for load in gone:
            register.tell_load(load)
        accept_by_ns = None
        if last:
            register.end_slot(found, "used")
            del books.delivering[found.order.receipt_id]
            accept_by_ns = books.time_ns + books.venue.delivery.acceptance_hours * HOUR_NS
        order = found.order
        posted_g = sum([load.posted_g for load in gone])
        handed_g = order.handed_g + posted_g
        step: Step = "hand_over, the last" if last else "hand_over"
        register.tell(
            found,
            replace(
                order,
                state=STATES[order.state][step],
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
            net_g = sum([load.net_g for load in gone])
            register.contracts.on_weighed_out(
                order.contract_id, order.delivery_id, net_g, posted_g, last, wasted_g, reason
            )

    def accept(self, command: AcceptDelivery) -> None:
        """Reasons: see the command."""
        found = self._register.own(command)
        if found is not None and self._register.permits(command, found, "accept_delivery"):
            self.be_accepted(found, "accept_delivery", "accepted")

    def be_accepted(self, found: OpenDelivery, step: Step, cause: DeliveryCause) -> None:
        """By the buyer's word, or by time's coming without one."""
        order = found.order
        self._register.end(found, replace(order, state=STATES[order.state][step], accept_by_ns=None), cause)
        if order.contract_id is not None:
            self._register.contracts.on_delivery_accepted(order.contract_id, order.delivery_id)
