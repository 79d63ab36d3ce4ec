"""The storekeeper: what holders owe for storage and have paid, and what the warehouse owes for goods that it lost."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.books import Books
from settlement.civil import venue_day
from settlement.messages import CASH, ReceiptChanged, Transfer
from settlement.messages.storage import (
    PayStorage,
    SettleWastage,
    StorageCause,
    StoragePaid,
    StorageTariff,
    WastageClaimed,
    WastageSettled,
    WastageShare,
)
from settlement.office import Handlers
from settlement.receipts import LiveReceipt, Stock
from settlement.storage import STORAGE, accrued_fen, chargeable_after_payment, spread, standard_g, worth_fen

STORAGE_UNPAID: Final = "storage_unpaid"


RISK_FUND: Final = "risk_fund"

_encode = msgpack.Encoder().encode


class StorageDue(Struct, frozen=True, kw_only=True):
    """What a live receipt owes on `today`, and by which terms; days are numbers of local days."""

    receipt_id: int
    lot_id: int
    warehouse: str
    weight_g: int
    tariff: StorageTariff | None
    from_day: int
    today: int
    due_fen: int
    received_g: int
    shrinkage_g: int


class StorekeeperState(Struct, frozen=True, array_like=True):
    last_payment_id: int
    last_claim_id: int
    claims: list[WastageClaimed]
    claimed: list[tuple[int, int]]


class Storekeeper:
    """The office of storage. What is owed for lying there stands on the receipts; here payments are counted, and the
    warehouses' debts are kept until they are settled.
    """

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._last_payment_id = 0
        self._last_claim_id = 0
        self._claims: dict[int, WastageClaimed] = {}
        """Those that are open."""
        self._claimed: dict[int, int] = {}
        """Grams of each lot that were claimed, while goods of it lie there."""
        books.lost = self._claim
        books.made_good = self._count_as_claimed

    def handlers(self) -> Handlers:
        return {PayStorage: self._pay_storage, SettleWastage: self._settle_wastage}

    # Looking

    def due(self, receipt_id: int, today: int) -> StorageDue | None:
        """What a live receipt owes up to a day. O(1)."""
        receipt = self._books.receipts.get(receipt_id)
        if receipt is None:
            return None
        stock = self._books.receipts.stock(receipt.lot_id)
        return StorageDue(
            receipt_id=receipt_id,
            lot_id=receipt.lot_id,
            warehouse=stock.warehouse,
            weight_g=receipt.weight_g,
            tariff=stock.tariff,
            from_day=receipt.storage_from_day,
            today=today,
            due_fen=accrued_fen(stock.tariff, receipt.weight_g, receipt.storage_from_day, today),
            received_g=stock.received_g,
            shrinkage_g=stock.shrinkage_g,
        )

    def outstanding(self, today: int) -> dict[str, int]:
        """What has accrued and is not paid, by warehouse; those where nothing is owed are left out. O(receipts)."""
        found: dict[str, int] = {}
        for receipt in self._books.receipts.all():
            stock = self._books.receipts.stock(receipt.lot_id)
            due = accrued_fen(stock.tariff, receipt.weight_g, receipt.storage_from_day, today)
            if due:
                found[stock.warehouse] = found.get(stock.warehouse, 0) + due
        return dict(sorted(found.items()))

    def open_claims(self) -> Iterator[WastageClaimed]:
        """Ascending number."""
        return iter(self._claims.values())

    # Payments

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

    # Wastage

    def _claim(self, stock: Stock, lost: Sequence[tuple[LiveReceipt, int]]) -> None:
        """Grams were recorded as lost; what of them is beyond the standard the warehouse owes to who lost them.

        What is found again later is not claimed back: an operator may dismiss a claim that is open. O(receipts that
        lost).
        """
        tariff = stock.tariff
        if tariff is None:
            return
        allowed_g = standard_g(tariff, stock.received_g)
        beyond_g = stock.shrinkage_g - allowed_g - self._claimed.get(stock.lot_id, 0)
        if beyond_g <= 0:
            return
        receipts = self._books.receipts
        self._claimed[stock.lot_id] = self._claimed.get(stock.lot_id, 0) + beyond_g
        self._claimed = {lot_id: grams for lot_id, grams in self._claimed.items() if receipts.find_stock(lot_id)}
        self._last_claim_id += 1
        amount_fen = worth_fen(tariff, beyond_g)
        weights = [lost_g for _, lost_g in lost]
        parts = zip(lost, spread(beyond_g, weights), spread(amount_fen, weights), strict=True)
        claim = WastageClaimed(
            claim_id=self._last_claim_id,
            lot_id=stock.lot_id,
            warehouse=stock.warehouse,
            standard_g=allowed_g,
            shrinkage_g=stock.shrinkage_g,
            beyond_g=beyond_g,
            amount_fen=amount_fen,
            shares=tuple(
                WastageShare(
                    receipt_id=receipt.receipt_id,
                    participant_id=receipt.participant_id,
                    weight_g=weight_g,
                    amount_fen=fen,
                )
                for (receipt, _), weight_g, fen in parts
            ),
        )
        self._claims[claim.claim_id] = claim
        self._books.events.append(claim)

    def _count_as_claimed(self, stock: Stock, weight_g: int) -> None:
        """Grams were lost that somebody else makes good: a buy-in does."""
        self._claimed[stock.lot_id] = self._claimed.get(stock.lot_id, 0) + weight_g

    def _settle_wastage(self, command: SettleWastage) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_claim`, `insufficient_funds`."""
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        claim = self._claims.get(command.claim_id)
        if claim is None:
            books.refuse(command, "unknown_claim", "claim_id")
            return
        if command.outcome == "paid":
            if claim.amount_fen > books.ledger.balance(CASH, RISK_FUND):
                books.refuse(command, "insufficient_funds")
                return
            shares = [share for share in claim.shares if share.amount_fen]
            paid = [books.pay(RISK_FUND, books.purses[share.participant_id], share.amount_fen) for share in shares]
            books.post("loss", claim.claim_id, paid)
        del self._claims[claim.claim_id]
        books.events.append(
            WastageSettled(
                claim_id=claim.claim_id,
                operator_id=command.operator_id,
                outcome=command.outcome,
                reason=command.reason,
            )
        )

    # Time and state: charges follow from days, nothing is due by itself

    def next_deadline_ns(self) -> int | None:
        return None

    def reach(self) -> None:
        pass

    def state(self) -> bytes:
        return _encode(
            StorekeeperState(
                self._last_payment_id,
                self._last_claim_id,
                list(self._claims.values()),
                list(self._claimed.items()),
            )
        )

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=StorekeeperState)
        self._last_payment_id = decoded.last_payment_id
        self._last_claim_id = decoded.last_claim_id
        self._claims = {claim.claim_id: claim for claim in decoded.claims}
        self._claimed = dict(decoded.claimed)

    def digest(self) -> Any:
        return self.state()

    def audit(self) -> None:
        """The income is no debt; claims add up.

        More than ever lay there can have been claimed of a lot: what was claimed, found again and lost once more.
        """
        books = self._books
        assert books.ledger.balance(CASH, STORAGE) >= 0
        for claim_id, claim in self._claims.items():
            assert claim_id == claim.claim_id <= self._last_claim_id
            assert sum(share.amount_fen for share in claim.shares) == claim.amount_fen
            assert sum(share.weight_g for share in claim.shares) == claim.beyond_g
        assert all(grams > 0 for grams in self._claimed.values())


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
