"""A contract's goods: receipts of the seller's set aside for it, passed to the buyer, or given back.

offer's kilograms ──carve──► held for the contract ──pass──► the buyer's, delivery ordered
                                    └──release──► the seller's, issued       └──give──► the seller's again
"""

from collections.abc import Iterable
from typing import Final

from settlement.books import Books
from settlement.civil import venue_day
from settlement.ledger import participant_account
from settlement.messages import Hold, HoldCause, ReceiptChanged, Transfer
from settlement.messages.contracts import Contract, StorageDue
from settlement.receipts import Handover, LiveReceipt, Lots, receipt_message
from settlement.storage import accrued_fen, chargeable_after_trade

CAUSE: Final[HoldCause] = "contract"


class GoodsRoom:
    """What contracts do with receipts. Costs are O(receipts), at most 100 a contract."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books

    def receipts(self, contract: Contract) -> list[LiveReceipt]:
        """Those of the contract's that still stand for goods in a warehouse."""
        found = [self._books.receipts.get(receipt_id) for receipt_id in contract.receipt_ids]
        return [receipt for receipt in found if receipt is not None]

    def at_hand(self, contract: Contract) -> bool:
        """Whether all that was set aside could be handed out: there, of the kind, green, and on hold for nothing else.

        Shrinkage is no hindrance: the goods are settled at the weight at which they leave.
        """
        receipts = self.receipts(contract)
        return len(receipts) == len(contract.receipt_ids) and all(
            [hold.cause for hold in receipt.holds] == [CAUSE]
            and self._books.receipts.stock(receipt.lot_id).symbol == contract.goods_symbol
            and self._books.receipts.stock(receipt.lot_id).expires_ns > self._books.time_ns
            for receipt in receipts
        )

    def expires_ns(self, contract: Contract) -> int | None:
        """When the first of the goods has no green life left; None where none are in a warehouse."""
        receipts = self.receipts(contract)
        return min((self._books.receipts.stock(receipt.lot_id).expires_ns for receipt in receipts), default=None)

    def weight_g(self, contract: Contract) -> int:
        """What still lies in warehouses."""
        return sum(receipt.weight_g for receipt in self.receipts(contract))

    def carve(self, held: Lots, kilograms: int, seller_id: int, contract_id: int) -> list[Handover]:
        """The first reserved kilograms of an offer become receipts of their own, the seller's still, held."""
        books = self._books
        handovers = books.receipts.deliver(held, kilograms, seller_id, books.time_ns)
        for handover in handovers:
            self._hold(handover.bought, contract_id)
        return handovers

    def tell_carved(self, handovers: Iterable[Handover]) -> None:
        for handover in handovers:
            self._books.events.append(ReceiptChanged("split", receipt_message(handover.sold, handover.stock)))
            self._books.events.append(ReceiptChanged("held", receipt_message(handover.bought, handover.stock)))

    def substitute(self, contract: Contract, receipt_ids: tuple[int, ...]) -> list[int]:
        """Set aside as much of other receipts of the seller's, and release the goods of before; the new receipts.

        The caller has seen that they suffice.
        """
        books = self._books
        first = books.receipts.get(receipt_ids[0])
        assert first is not None
        symbol = books.receipts.stock(first.lot_id).symbol
        held: Lots = []
        refusal = books.receipts.reserve(contract.seller_id, symbol, contract.quantity, receipt_ids, held)
        assert refusal is None, refusal
        handovers = self.carve(held, contract.quantity, contract.seller_id, contract.contract_id)
        self.tell_carved(handovers)
        self.release(contract)
        books.touch(contract.seller_id, symbol)
        books.desk.close_exhausted((symbol,))
        return [handover.bought.receipt_id for handover in handovers]

    def release(self, contract: Contract) -> None:
        """What was set aside is the seller's own again, to sell or to keep."""
        books = self._books
        for receipt in self.receipts(contract):
            stock = books.receipts.stock(receipt.lot_id)
            books.receipts.lift(receipt, CAUSE)
            books.events.append(ReceiptChanged("lifted", receipt_message(receipt, stock)))
            books.touch(receipt.participant_id, stock.symbol)
            if receipt.state == "issued":
                books.desk.open(stock.symbol)

    def pass_title(self, contract: Contract) -> tuple[list[LiveReceipt], list[Transfer]]:
        """The goods, which are at hand, become the buyer's and are ordered out: his receipts, and the transfers to be
        posted. He pays for storage as after any trade.
        """
        books = self._books
        today = venue_day(books.time_ns)
        taken: list[LiveReceipt] = []
        transfers: list[Transfer] = []
        for receipt in self.receipts(contract):
            stock = books.receipts.stock(receipt.lot_id)
            books.receipts.lift(receipt, CAUSE)
            bought = books.receipts.transfer(receipt, contract.buyer_id, books.time_ns)
            from_day = chargeable_after_trade(stock.tariff, receipt.storage_from_day, today)
            books.receipts.charge_storage_from(bought, from_day)
            books.receipts.order_delivery(bought)
            transfers.append(self._move(receipt, bought))
            books.events.append(ReceiptChanged("transferred", receipt_message(receipt, stock)))
            books.events.append(ReceiptChanged("transferred", receipt_message(bought, stock)))
            books.touch(contract.buyer_id, stock.symbol)
            books.touch(contract.seller_id, stock.symbol)
            taken.append(bought)
        return taken, transfers

    def storage_due(self, contract: Contract) -> tuple[StorageDue, ...]:
        """What the goods have cost the seller in the store up to today, where that is anything."""
        books = self._books
        today = venue_day(books.time_ns)
        found: list[StorageDue] = []
        for receipt in self.receipts(contract):
            stock = books.receipts.stock(receipt.lot_id)
            due = accrued_fen(stock.tariff, receipt.weight_g, receipt.storage_from_day, today)
            if due:
                found.append(
                    StorageDue(
                        receipt_id=receipt.receipt_id,
                        lot_id=receipt.lot_id,
                        warehouse=stock.warehouse,
                        weight_g=receipt.weight_g,
                        from_day=receipt.storage_from_day,
                        to_day=today,
                        due_fen=due,
                    )
                )
        return tuple(found)

    def give(self, contract: Contract, to: int) -> list[Transfer]:
        """What lies in warehouses after title has passed, and is not to be fetched any more, goes to a party, free to
        be sold, with the storage that it has cost; the transfers to be posted.
        """
        books = self._books
        transfers: list[Transfer] = []
        for receipt in self.receipts(contract):
            if receipt.participant_id == to:
                continue
            stock = books.receipts.stock(receipt.lot_id)
            given = books.receipts.give_up(receipt, to, books.time_ns)
            for due in contract.storage:
                if due.receipt_id == receipt.parent_receipt_id:
                    books.receipts.charge_storage_from(given, due.from_day)
            transfers.append(self._move(receipt, given))
            books.events.append(ReceiptChanged("returned", receipt_message(receipt, stock)))
            books.events.append(ReceiptChanged("returned", receipt_message(given, stock)))
            books.touch(receipt.participant_id, stock.symbol)
            books.touch(to, stock.symbol)
            if given.state == "issued":
                books.desk.open(stock.symbol)
        return transfers

    def hand_out(self, contract: Contract, to: int) -> list[Transfer]:
        """What was set aside goes to a party as it is, free to be sold; the transfers to be posted."""
        books = self._books
        self.release(contract)
        transfers: list[Transfer] = []
        for receipt in self.receipts(contract):
            if receipt.participant_id == to or receipt.state != "issued":
                continue
            stock = books.receipts.stock(receipt.lot_id)
            given = books.receipts.transfer(receipt, to, books.time_ns)
            transfers.append(self._move(receipt, given))
            books.events.append(ReceiptChanged("transferred", receipt_message(receipt, stock)))
            books.events.append(ReceiptChanged("transferred", receipt_message(given, stock)))
            books.touch(receipt.participant_id, stock.symbol)
            books.touch(to, stock.symbol)
        return transfers

    def _hold(self, receipt: LiveReceipt, contract_id: int) -> None:
        hold = Hold(cause=CAUSE, reason=f"contract {contract_id}", operator_id=0, since_ns=self._books.time_ns)
        self._books.receipts.hold(receipt, hold)

    def _move(self, given: LiveReceipt, taken: LiveReceipt) -> Transfer:
        """The grams follow the title in the ledger."""
        books = self._books
        debit = participant_account(given.participant_id)
        credit = participant_account(taken.participant_id)
        return books.move_goods(books.receipts.stock(taken.lot_id), debit, credit, taken.weight_g)
