"""What becomes of receipts whose goods are ordered out.

issued ──order_out──► delivery ordered ──unload──► lighter, then delivered
  ▲                        │  └──waste──► the rest is shrinkage
  └────────recall──────────┘  └──lose, give_up──► a failed delivery: gone, or the defaulter's
"""

from collections.abc import Iterable
from typing import Final

from settlement.books import Books
from settlement.ledger import SHRINKAGE
from settlement.messages import ReceiptChanged, StockChanged
from settlement.receipts import LiveReceipt, receipt_message


class Goods:
    """The receipts, and the ledger beside them."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books

    def split(self, receipt: LiveReceipt, weight_g: int) -> LiveReceipt:
        """So much of a free receipt becomes one, the rest another; the first of them."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        wanted, rest = books.receipts.split(receipt, (weight_g, receipt.weight_g - weight_g), books.time_ns)
        for each in (receipt, wanted, rest):
            books.events.append(ReceiptChanged("split", receipt_message(each, stock)))
        return wanted

    def order_out(self, receipt: LiveReceipt) -> None:
        """An issued receipt leaves trade."""
        books = self._books
        books.receipts.order_delivery(receipt)
        message = books.receipts.message(receipt)
        books.events.append(ReceiptChanged("delivery_ordered", message))
        books.touch(receipt.participant_id, message.symbol)
        books.desk.close_exhausted((message.symbol,))

    def recall(self, receipt: LiveReceipt) -> None:
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

    def unload(self, receipt: LiveReceipt, weights_g: Iterable[int]) -> None:
        """Trucks leave the warehouse with so much each; with the last gram the receipt ends."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        account = books.purses[receipt.participant_id].account
        loaded = [weight_g for weight_g in weights_g if weight_g]
        books.post(
            "load_out",
            receipt.receipt_id,
            [books.move_goods(stock, account, stock.account, weight_g) for weight_g in loaded],
        )
        books.receipts.load_out(receipt, sum(loaded))
        books.events.append(ReceiptChanged("delivered", receipt_message(receipt, stock)))
        books.touch(receipt.participant_id, stock.symbol)

    def waste(self, receipt: LiveReceipt, weight_g: int, operator_id: int, reason: str) -> None:
        """So much of the receipt has dried up or spoiled; beyond its standard the warehouse owes it."""
        stock = self._books.receipts.stock(receipt.lot_id)
        self._shrink(receipt, weight_g, operator_id, reason)
        self._books.lost(stock, ((receipt, weight_g),))

    def lose(self, receipt: LiveReceipt, operator_id: int, reason: str) -> None:
        """All of it is gone, and will be made good by whoever answers for that."""
        stock = self._books.receipts.stock(receipt.lot_id)
        weight_g = receipt.weight_g
        self._shrink(receipt, weight_g, operator_id, reason)
        self._books.made_good(stock, weight_g)

    def give_up(self, receipt: LiveReceipt, defaulter_id: int) -> None:
        """The goods lie there still, and are the defaulter's: to be sold as what they are, held, or expired."""
        books = self._books
        stock = books.receipts.stock(receipt.lot_id)
        taken = books.receipts.give_up(receipt, defaulter_id, books.time_ns)
        giver, taker = books.purses[receipt.participant_id].account, books.purses[defaulter_id].account
        books.post("delivery", receipt.receipt_id, (books.move_goods(stock, giver, taker, receipt.weight_g),))
        books.events.append(ReceiptChanged("transferred", receipt_message(receipt, stock)))
        books.events.append(ReceiptChanged("transferred", books.receipts.message(taken)))
        books.touch(receipt.participant_id, stock.symbol)
        books.touch(defaulter_id, stock.symbol)
        if taken.state == "issued":
            books.desk.open(stock.symbol)

    def _shrink(self, receipt: LiveReceipt, weight_g: int, operator_id: int, reason: str) -> None:
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
