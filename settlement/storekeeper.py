"""The storekeeper: what holders owe for storage, and what they have paid."""

from typing import Any, Final

from msgspec import msgpack

from settlement.books import Books
from settlement.civil import venue_day
from settlement.messages import ReceiptChanged, Transfer
from settlement.messages.storage import PayStorage, StorageCause, StoragePaid
from settlement.office import Handlers
from settlement.receipts import LiveReceipt
from settlement.storage import STORAGE, accrued_fen, chargeable_after_payment

STORAGE_UNPAID: Final = "storage_unpaid"


class Storekeeper:
    """The office of storage charges. What is owed stands on the receipts; here payments are counted."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._last_payment_id = 0

    def handlers(self) -> Handlers:
        return {PayStorage: self._pay_storage}

    def _pay_storage(self, command: PayStorage) -> None:
        """Refused: `unknown_participant`, `invalid_receipt_ids`, `unknown_receipt`, `insufficient_funds`."""
        books = self._books
        purse = books.purses.get(command.participant_id)
        if purse is None:
            books.refuse(command, "unknown_participant", "participant_id")
            return
        if len(dict.fromkeys(command.receipt_ids)) != len(command.receipt_ids):
            books.refuse(command, "invalid_receipt_ids", "receipt_ids")
            return
        owed: list[tuple[LiveReceipt, int]] = []
        for receipt_id in command.receipt_ids:
            receipt = books.receipts.get(receipt_id)
            if receipt is None or receipt.participant_id != command.participant_id:
                books.refuse(command, "unknown_receipt", "receipt_ids")
                return
            owed.append((receipt, due_fen(books, receipt)))
        if sum(due for _, due in owed) > purse.total_fen - purse.reserved_fen:
            books.refuse(command, "insufficient_funds")
            return
        transfers = [books.pay(purse, STORAGE, due) for _, due in owed if due]
        payment_id = 0
        if transfers:
            payment_id = self._last_payment_id = self._last_payment_id + 1
            books.post("storage", payment_id, transfers)
        for receipt, due in owed:
            settle(books, receipt, "payment", payment_id, due, due)

    # Time and state: charges follow from days, nothing is due by itself

    def next_deadline_ns(self) -> int | None:
        return None

    def reach(self) -> None:
        pass

    def state(self) -> bytes:
        return msgpack.encode(self._last_payment_id)

    def restore(self, state: bytes) -> None:
        self._last_payment_id = msgpack.decode(state, type=int)

    def digest(self) -> Any:
        return self._last_payment_id

    def audit(self) -> None:
        """Nobody has been charged for days to come that are not free, and the income is no debt."""
        books = self._books
        assert books.ledger.balance("CNY", STORAGE) >= 0
        for receipt in books.receipts.all():
            assert due_fen(books, receipt) >= 0


def due_fen(books: Books, receipt: LiveReceipt) -> int:
    """What a live receipt owes for storage up to today. O(1)."""
    tariff = books.receipts.stock(receipt.lot_id).tariff
    return accrued_fen(tariff, receipt.weight_g, receipt.storage_from_day, venue_day(books.time_ns))


def refuse_unpaid(books: Books, receipt: LiveReceipt) -> str | None:
    """`storage_unpaid` where the goods may not leave yet (DOMAIN: storage is paid before load-out)."""
    return STORAGE_UNPAID if due_fen(books, receipt) else None


def collect(books: Books, receipt: LiveReceipt, cause: StorageCause, reference_id: int) -> list[Transfer]:
    """Take what a receipt owes out of its holder's free cash, as far as that reaches; the rest lapses and is said.

    The transfers, none or one, are the caller's to post with its own. For goods that leave without the holder's
    asking: expired ones that the warehouse clears away.
    """
    due = due_fen(books, receipt)
    purse = books.purses[receipt.participant_id]
    paid = min(due, purse.total_fen - purse.reserved_fen)
    transfers = [books.pay(purse, STORAGE, paid)] if paid else []
    if due:
        settle(books, receipt, cause, reference_id, due, paid)
    return transfers


def settle(books: Books, receipt: LiveReceipt, cause: StorageCause, reference_id: int, due: int, paid: int) -> None:
    """Tell that what a receipt owed up to today is settled, and count from today on; the money has been moved."""
    stock = books.receipts.stock(receipt.lot_id)
    from_day = receipt.storage_from_day
    to_day = chargeable_after_payment(from_day, venue_day(books.time_ns))
    books.events.append(
        StoragePaid(
            cause,
            reference_id,
            receipt.participant_id,
            receipt.receipt_id,
            receipt.lot_id,
            stock.warehouse,
            receipt.weight_g,
            from_day,
            to_day,
            due,
            paid,
        )
    )
    if to_day != from_day:
        books.receipts.charge_storage_from(receipt, to_day)
        books.events.append(ReceiptChanged("storage_paid", books.receipts.message(receipt)))
