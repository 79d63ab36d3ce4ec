"""Deliveries that fail: reported by one, dismissed or made good by the word of another."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.delivery.goods import Goods
from settlement.delivery.register import OpenDelivery, Register
from settlement.delivery.states import STATES, Step
from settlement.messages.delivery import DeliveryOrder, DismissFailure, ReportFailedDelivery
from settlement.receipts import LiveReceipt


class Failing:
    def __init__(self, books: Books, register: Register, goods: Goods) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods

    def report(self, command: ReportFailedDelivery) -> None:
        """Reasons: see the command."""
        books = self._books
        register = self._register
        if not books.may(command, "operator_id", ("warehouse", "operator")):
            return
        found = register.any(command)
        if found is None or not register.permits(command, found, "report_failed_delivery"):
            return
        receipt = books.receipts.get(found.order.receipt_id)
        refusal = self._refuse(command, found, receipt)
        if refusal is not None:
            books.refuse(command, *refusal)
            return
        register.end_slot(found, "cancelled")
        order = found.order
        # Of a receipt that is gone nothing came; else what was recorded as shrinkage meanwhile is its holder's loss.
        failed_g = order.ordered_g - order.handed_g if receipt is None else receipt.weight_g
        order = replace(
            order,
            state=STATES[order.state]["report_failed_delivery"],
            failed_g=failed_g,
            failure=command.cause,
            failure_reason=command.reason,
            reported_by=command.operator_id,
        )
        register.tell(found, order, "failed", command.reason)
        if order.contract_id is not None:
            register.contracts.on_delivery_failed(order.contract_id, order.delivery_id, failed_g, command.cause)

    def _refuse(
        self, command: ReportFailedDelivery, found: OpenDelivery, receipt: LiveReceipt | None
    ) -> tuple[str, str] | None:
        """(reason, field): `load_pending`, `not_held`, `not_expired`."""
        books = self._books
        if found.loads:
            return "load_pending", "delivery_id"
        if command.cause == "held" and (receipt is None or receipt.state != "held"):
            return "not_held", "cause"
        if command.cause == "expired" and (
            receipt is None or books.receipts.stock(receipt.lot_id).expires_ns > books.time_ns
        ):
            return "not_expired", "cause"
        return None

    def dismiss(self, command: DismissFailure) -> None:
        """Reasons: see the command."""
        books = self._books
        register = self._register
        if not books.may(command, "operator_id", ("operator",)):
            return
        found = register.any(command)
        if found is None or not register.permits(command, found, "dismiss_failure, some has left"):
            return
        order = found.order
        if order.reported_by == command.operator_id:
            books.refuse(command, "same_operator", "operator_id")
            return
        step: Step = "dismiss_failure, some has left" if order.handed_g else "dismiss_failure, nothing has left"
        order = replace(
            order,
            state=STATES[order.state][step],
            failed_g=0,
            failure=None,
            failure_reason=None,
            reported_by=None,
        )
        register.tell(found, order, "failure_dismissed", command.reason)
        if order.contract_id is not None:
            register.contracts.on_failure_dismissed(order.contract_id, order.delivery_id)

    def begin_making_good(self, delivery_id: int, defaulter_id: int) -> DeliveryOrder:
        """A buy-in begins. What failed is the buyer's no more: gone, or the defaulter's."""
        found = self._register.open[delivery_id]
        order = found.order
        receipt = self._books.receipts.get(order.receipt_id)
        del self._books.delivering[order.receipt_id]
        found.code_salt = found.code_digest = None
        if receipt is not None:
            order = replace(order, failed_g=receipt.weight_g)
            if order.failure in ("missing", "spoiled"):
                assert order.reported_by is not None
                assert order.failure_reason is not None
                self._goods.lose(receipt, order.reported_by, order.failure_reason)
            else:
                self._goods.give_up(receipt, defaulter_id)
        order = replace(order, state=STATES[order.state]["start_buy_in"], tries_left=None)
        self._register.tell(found, order, "buy_in_started")
        return order

    def end_making_good(self, delivery_id: int) -> None:
        """The buyer has other goods, or money."""
        found = self._register.open[delivery_id]
        order = found.order
        self._register.end(found, replace(order, state=STATES[order.state]["made good"]), "made_good")
