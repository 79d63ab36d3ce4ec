"""Custody: what holders, lenders, the warehouse and operators do with receipts while the goods lie in the store.

What a receipt loses, its offers lose first: whole orders, the newest first, with the reason; a fill that happened
stands. Which command may find a receipt in which state, and what becomes of it, is `settlement.receipts.states`; each
handler names the reasons beside those, in order of precedence.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.books import Books
from settlement.ledger import SHRINKAGE
from settlement.life import green_until_ns
from settlement.lots import TOLERANCE_PERMILLE
from settlement.messages import (
    Hold,
    HoldReceipt,
    LiftHold,
    LotRegraded,
    MergeReceipts,
    Pledge,
    PledgeReceipt,
    ReceiptChanged,
    ReceiptsMerged,
    ReceiptTransferred,
    RecordShrinkage,
    RegradeLot,
    ReleasePledge,
    ReplaceReceipt,
    ReportLoss,
    SplitReceipt,
    StockCause,
    StockChanged,
    TakeStock,
    TransferReceipt,
    VoidReceipt,
)
from settlement.office import Handlers
from settlement.receipts import LiveReceipt, Stock, receipt_message, shares
from settlement.receipts.states import refusal
from settlement.references import References
from settlement.storage import STORAGE
from settlement.storekeeper import due_fen, settle
from settlement.symbols import parse_symbol, symbol_of

RECEIPT_EXPIRED: Final = "receipt_expired"
RECEIPT_PLEDGED: Final = "receipt_pledged"
RECEIPT_HELD: Final = "receipt_held"
RECEIPT_LOST: Final = "receipt_lost"
RECEIPT_REGRADED: Final = "receipt_regraded"
RECEIPT_VOID: Final = "receipt_void"

_encode = msgpack.Encoder().encode


class CustodyState(Struct, frozen=True, array_like=True):
    transfers: list[str]
    pledges: list[str]


class Custody:
    """The office of receipts. The receipts themselves are in the books. Costs are the register's unless said."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._transfers: Final = References()
        self._pledges: Final = References()

    def handlers(self) -> Handlers:
        return {
            SplitReceipt: self._split,
            MergeReceipts: self._merge,
            TransferReceipt: self._transfer,
            PledgeReceipt: self._pledge,
            ReleasePledge: self._release_pledge,
            HoldReceipt: self._hold,
            LiftHold: self._lift,
            ReportLoss: self._report_loss,
            ReplaceReceipt: self._replace,
            VoidReceipt: self._void,
            RegradeLot: self._regrade,
            RecordShrinkage: self._record_shrinkage,
            TakeStock: self._take_stock,
        }

    # What a holder does

    def _split(self, command: SplitReceipt) -> None:
        """Refused: `unknown_receipt` (another's too), by its state, `receipt_reserved`, `weights_do_not_add_up`."""
        books = self._books
        receipt = self._own(command)
        if receipt is None:
            return
        if receipt.reserved_g:
            books.refuse(command, "receipt_reserved", "receipt_id")
            return
        if sum(command.weights_g) != receipt.weight_g:
            books.refuse(command, "weights_do_not_add_up", "weights_g")
            return
        stock = books.receipts.stock(receipt.lot_id)
        parts = books.receipts.split(receipt, command.weights_g, books.time_ns)
        books.events.append(ReceiptChanged("split", receipt_message(receipt, stock)))
        books.events.extend(ReceiptChanged("split", receipt_message(part, stock)) for part in parts)

    def _merge(self, command: MergeReceipts) -> None:
        """Where storage is paid up to different days, what is owed on each is paid now; then the earliest day counts.

        Refused: `invalid_receipt_ids` (one twice); of the first at fault `unknown_receipt` (another's too), by its
        state, `receipt_reserved`, `different_lots`; `insufficient_funds`.
        """
        books = self._books
        receipt_ids = sorted(command.receipt_ids)
        if len(dict.fromkeys(receipt_ids)) != len(receipt_ids):
            books.refuse(command, "invalid_receipt_ids", "receipt_ids")
            return
        parts: list[LiveReceipt] = []
        for receipt_id in receipt_ids:
            receipt = books.receipts.get(receipt_id)
            if receipt is None or receipt.participant_id != command.participant_id:
                reason: str | None = "unknown_receipt"
            else:
                reason = refusal("merge_receipts", receipt.state)
                if reason is None and receipt.reserved_g:
                    reason = "receipt_reserved"
                if reason is None and parts and receipt.lot_id != parts[0].lot_id:
                    reason = "different_lots"
                parts.append(receipt)
            if reason is not None:
                books.refuse(command, reason, "receipt_ids")
                return
        stock = books.receipts.stock(parts[0].lot_id)
        if any(part.storage_from_day != parts[0].storage_from_day for part in parts):
            owed = [(part, due_fen(books, part)) for part in parts]
            purse = books.purses[command.participant_id]
            if sum(due for _, due in owed) > purse.total_fen - purse.reserved_fen:
                books.refuse(command, "insufficient_funds")
                return
            reference_id = books.receipts.last_receipt_id + 1
            books.post("storage", reference_id, [books.pay(purse, STORAGE, due) for _, due in owed if due])
            for part, due in owed:
                if due:
                    settle(books, part, "merge", reference_id, due, due)
        merged = books.receipts.merge(parts, books.time_ns)
        books.events.append(ReceiptsMerged(receipt_id=merged.receipt_id, merged=tuple(receipt_ids)))
        books.events.extend(ReceiptChanged("merged", receipt_message(part, stock)) for part in parts)
        books.events.append(ReceiptChanged("merged", receipt_message(merged, stock)))

    def _transfer(self, command: TransferReceipt) -> None:
        """Refused: `transfer_not_permitted` (the profile `cn-spot` has goods change hands by trade alone),
        `unknown_receipt` (another's too), by its state, `receipt_reserved`, `unknown_participant`, `same_participant`,
        `duplicate_reference`.
        """
        books = self._books
        if books.venue.profile != "open":
            books.refuse(command, "transfer_not_permitted")
            return
        receipt = self._own(command)
        if receipt is None:
            return
        if receipt.reserved_g:
            books.refuse(command, "receipt_reserved", "receipt_id")
            return
        reference = f"{command.participant_id}:{command.reference}"
        if not self._takes(command, "to_participant_id", self._transfers, reference):
            return
        self._transfers.take(reference)
        stock = books.receipts.stock(receipt.lot_id)
        taken = books.receipts.transfer(receipt, command.to_participant_id, books.time_ns)
        books.events.append(
            ReceiptTransferred(
                receipt_id=receipt.receipt_id,
                new_receipt_id=taken.receipt_id,
                participant_id=command.participant_id,
                to_participant_id=command.to_participant_id,
                weight_g=taken.weight_g,
                reference=command.reference,
            )
        )
        giver, taker = books.purses[command.participant_id].account, books.purses[command.to_participant_id].account
        books.post("receipt_transfer", receipt.receipt_id, (books.move_goods(stock, giver, taker, taken.weight_g),))
        books.events.append(ReceiptChanged("transferred", receipt_message(receipt, stock)))
        books.events.append(ReceiptChanged("transferred", receipt_message(taken, stock)))
        books.touch(command.participant_id, stock.symbol)
        books.touch(command.to_participant_id, stock.symbol)

    def _pledge(self, command: PledgeReceipt) -> None:
        """Offers on the receipt are cancelled. Refused: `unknown_receipt` (another's too), by its state,
        `unknown_participant`, `same_participant`, `duplicate_reference`, and as nobody steps back from an auction
        `has_bids`, `bid_stands`.
        """
        books = self._books
        receipt = self._own(command)
        if receipt is None:
            return
        reference = f"{command.participant_id}:{command.reference}"
        if not self._takes(command, "lender_id", self._pledges, reference):
            return
        binding = books.desk.binding(receipt)
        if binding is not None:
            books.refuse(command, binding, "receipt_id")
            return
        self._pledges.take(reference)
        books.desk.uncover(receipt, RECEIPT_PLEDGED)
        pledge = Pledge(
            lender_id=command.lender_id,
            reference=command.reference,
            amount_fen=command.amount_fen,
            since_ns=books.time_ns,
        )
        books.receipts.pledge(receipt, pledge)
        self._tell(receipt, "pledged")
        self._close(receipt)

    def _release_pledge(self, command: ReleasePledge) -> None:
        """Refused: `unknown_receipt` (of one who neither holds it nor lent on it too), by its state, `not_pledged`,
        `not_lender`.
        """
        books = self._books
        receipt = books.receipts.get(command.receipt_id)
        if receipt is None or not self._concerns(receipt, command.lender_id):
            books.refuse(command, "unknown_receipt", "receipt_id")
            return
        reason = refusal("release_pledge", receipt.state)
        if reason is None and receipt.pledge is None:
            reason = "not_pledged"
        if reason is None and receipt.pledge is not None and receipt.pledge.lender_id != command.lender_id:
            reason = "not_lender"
        if reason is not None:
            books.refuse(command, reason, "receipt_id")
            return
        books.receipts.release_pledge(receipt)
        self._tell(receipt, "released")
        self._open(receipt)

    def _report_loss(self, command: ReportLoss) -> None:
        """Offers on the receipt are cancelled. Refused: `unknown_receipt` (another's too), `already_lost`."""
        books = self._books
        receipt = self._own(command)
        if receipt is None:
            return
        if _holds(receipt, "loss"):
            books.refuse(command, "already_lost", "receipt_id")
            return
        hold = Hold(cause="loss", reason=command.reason, operator_id=command.participant_id, since_ns=books.time_ns)
        books.desk.uncover(receipt, RECEIPT_LOST)
        books.receipts.hold(receipt, hold)
        self._tell(receipt, "lost")
        self._close(receipt)

    # What the warehouse and operators do

    def _hold(self, command: HoldReceipt) -> None:
        """Offers on the receipt are cancelled. Refused: `unknown_participant`, `wrong_role` (warehouse, operator),
        `unknown_receipt`, `already_held` (for this cause).
        """
        books = self._books
        receipt = self._any(command)
        if receipt is None:
            return
        if _holds(receipt, command.cause):
            books.refuse(command, "already_held", "cause")
            return
        hold = Hold(cause=command.cause, reason=command.reason, operator_id=command.operator_id, since_ns=books.time_ns)
        books.desk.uncover(receipt, RECEIPT_HELD)
        books.receipts.hold(receipt, hold)
        self._tell(receipt, "held")
        self._close(receipt)

    def _lift(self, command: LiftHold) -> None:
        """Refused: `unknown_participant`, `wrong_role` (warehouse, operator), `unknown_receipt`, by its state,
        `not_held` (for this cause).
        """
        books = self._books
        receipt = self._any(command)
        if receipt is None:
            return
        if not _holds(receipt, command.cause):
            books.refuse(command, "not_held", "cause")
            return
        books.receipts.lift(receipt, command.cause)
        self._tell(receipt, "lifted")
        self._open(receipt)

    def _replace(self, command: ReplaceReceipt) -> None:
        """Refused: `unknown_participant`, `wrong_role` (warehouse, operator), `unknown_receipt`, by its state,
        `not_lost` (held for another cause), `under_contract`, `under_delivery` (these know the goods by this number).
        """
        books = self._books
        receipt = self._any(command)
        if receipt is None:
            return
        reason = None
        if not _holds(receipt, "loss"):
            reason = "not_lost"
        elif _holds(receipt, "contract"):
            reason = "under_contract"
        elif receipt.receipt_id in books.delivering:
            reason = "under_delivery"
        if reason is not None:
            books.refuse(command, reason, "receipt_id")
            return
        stock = books.receipts.stock(receipt.lot_id)
        new = books.receipts.replace(receipt, books.time_ns)
        books.events.append(ReceiptChanged("replaced", receipt_message(receipt, stock)))
        self._tell(new, "replaced")
        self._open(new)

    def _void(self, command: VoidReceipt) -> None:
        """Offers on the receipt are cancelled. Refused: `unknown_participant`, `wrong_role` (warehouse, operator),
        `unknown_receipt`, by its state, `receipt_traded` (it is not the lot's first one, whole but for shrinkage).
        """
        books = self._books
        receipt = self._any(command)
        if receipt is None:
            return
        stock = books.receipts.stock(receipt.lot_id)
        if receipt.parent_receipt_id is not None or receipt.weight_g + stock.shrinkage_g != stock.received_g:
            books.refuse(command, "receipt_traded", "receipt_id")
            return
        books.desk.uncover(receipt, RECEIPT_VOID)
        books.receipts.void(receipt)
        account = books.purses[receipt.participant_id].account
        goods = books.move_goods(stock, account, stock.account, receipt.weight_g)
        books.post("void", receipt.receipt_id, (goods,))
        books.events.append(ReceiptChanged("void", receipt_message(receipt, stock)))
        books.touch(receipt.participant_id, stock.symbol)
        books.desk.close_exhausted((stock.symbol,))

    # What becomes of a whole lot

    def _regrade(self, command: RegradeLot) -> None:
        """Offers are cancelled where the symbol changes. Fruit that has turned has no green life left and expires.

        Refused: `unknown_participant`, `wrong_role` (warehouse), `unknown_lot` (none of its receipts is live),
        `green_life_over`, `defects_over_tolerance`.
        """
        books = self._books
        stock = self._stock(command)
        if stock is None:
            return
        if stock.expires_ns <= books.time_ns:
            books.refuse(command, "green_life_over", "lot_id")
            return
        if command.defect_permille > TOLERANCE_PERMILLE[command.grade]:
            books.refuse(command, "defects_over_tolerance", "defect_permille")
            return
        parts = parse_symbol(stock.symbol)
        assert parts is not None
        previous = stock.symbol
        symbol = symbol_of(parts.variety, command.grade, stock.warehouse, stock.harvest_day)
        receipts = books.receipts.of_lot(stock.lot_id)
        if symbol != previous:
            books.desk.uncover_all(receipts, RECEIPT_REGRADED)
            books.receipts.regrade(stock, symbol, command.colour_stage)
        else:
            books.receipts.restage(stock, command.colour_stage)
        books.receipts.shorten(stock, green_until_ns(stock.variety_days, command.colour_stage, stock.harvest_day))
        books.events.append(
            LotRegraded(
                lot_id=stock.lot_id,
                operator_id=command.operator_id,
                previous_symbol=previous,
                symbol=symbol,
                grade=command.grade,
                colour_stage=command.colour_stage,
                defect_permille=command.defect_permille,
                expires_ns=stock.expires_ns,
                reason=command.reason,
            )
        )
        for receipt in receipts:
            self._tell(receipt, "regraded")
            books.touch(receipt.participant_id, previous)
        if symbol != previous:
            books.desk.open(symbol)
        if stock.expires_ns <= books.time_ns:
            expire(books, books.receipts.expiring(books.time_ns))
        books.desk.close_exhausted(dict.fromkeys((previous, symbol)))

    def _record_shrinkage(self, command: RecordShrinkage) -> None:
        """Refused: `unknown_participant`, `wrong_role` (warehouse), `unknown_lot` (none of its receipts is live),
        `exceeds_stock`.
        """
        stock = self._stock(command)
        if stock is None:
            return
        if command.weight_g > stock.weight_g:
            self._books.refuse(command, "exceeds_stock", "weight_g")
            return
        self._lose(stock, command.weight_g, "shrinkage", command.operator_id, command.reason)

    def _take_stock(self, command: TakeStock) -> None:
        """Refused: `unknown_participant`, `wrong_role` (warehouse), `unknown_lot` (none of its receipts is live),
        `surplus_over_shrinkage` (more is there than ever came).
        """
        stock = self._stock(command)
        if stock is None:
            return
        surplus_g = command.weight_g - stock.weight_g
        if surplus_g > stock.shrinkage_g:
            self._books.refuse(command, "surplus_over_shrinkage", "weight_g")
        elif surplus_g > 0:
            self._find(stock, surplus_g, command.operator_id, command.reason)
        else:
            self._lose(stock, -surplus_g, "stock_take", command.operator_id, command.reason)

    def _lose(self, stock: Stock, weight_g: int, cause: StockCause, operator_id: int, reason: str) -> None:
        """Everyone loses his part, offers first. Nothing at all is a count that was right. O(receipts of the lot)."""
        books = self._books
        lost = [each for each in shares(weight_g, books.receipts.of_lot(stock.lot_id)) if each[1]]
        for receipt, lost_g in lost:
            books.desk.uncover(receipt, cause, receipt.weight_g - lost_g)
        booked_g = stock.weight_g
        books.receipts.shrink(stock, lost)
        self._change_stock(stock, booked_g, cause, operator_id, reason)
        books.post(
            cause,
            stock.lot_id,
            [
                books.move_goods(stock, books.purses[receipt.participant_id].account, SHRINKAGE, lost_g)
                for receipt, lost_g in lost
            ],
        )
        self._tell_weights(stock, lost, cause)
        books.lost(stock, lost)
        books.desk.close_exhausted((stock.symbol,))

    def _find(self, stock: Stock, weight_g: int, operator_id: int, reason: str) -> None:
        """Everyone gets his part of what was not lost after all. O(receipts of the lot)."""
        books = self._books
        found = [each for each in shares(weight_g, books.receipts.of_lot(stock.lot_id)) if each[1]]
        booked_g = stock.weight_g
        books.receipts.grow(stock, found)
        self._change_stock(stock, booked_g, "stock_take", operator_id, reason)
        books.post(
            "stock_take",
            stock.lot_id,
            [
                books.move_goods(stock, SHRINKAGE, books.purses[receipt.participant_id].account, found_g)
                for receipt, found_g in found
            ],
        )
        self._tell_weights(stock, found, "stock_take")

    def _change_stock(self, stock: Stock, booked_g: int, cause: StockCause, operator_id: int, reason: str) -> None:
        self._books.events.append(
            StockChanged(
                lot_id=stock.lot_id,
                warehouse=stock.warehouse,
                operator_id=operator_id,
                cause=cause,
                booked_g=booked_g,
                weight_g=stock.weight_g,
                shrinkage_g=stock.shrinkage_g,
                reason=reason,
            )
        )

    def _tell_weights(self, stock: Stock, changed: Iterable[tuple[LiveReceipt, int]], cause: StockCause) -> None:
        books = self._books
        for receipt, _ in changed:
            books.events.append(ReceiptChanged(cause, receipt_message(receipt, stock)))
            books.touch(receipt.participant_id, stock.symbol)

    # Finding, telling

    def _own(self, command: Any) -> LiveReceipt | None:
        """The participant's receipt in a state that has nothing against the command; else it is refused."""
        receipt = self._books.receipts.get(command.receipt_id)
        if receipt is not None and receipt.participant_id != command.participant_id:
            receipt = None
        return self._fit(command, receipt)

    def _any(self, command: Any) -> LiveReceipt | None:
        """Anyone's receipt, for warehouse and operators."""
        if not self._books.may(command, "operator_id", ("warehouse", "operator")):
            return None
        return self._fit(command, self._books.receipts.get(command.receipt_id))

    def _fit(self, command: Any, receipt: LiveReceipt | None) -> LiveReceipt | None:
        if receipt is None:
            self._books.refuse(command, "unknown_receipt", "receipt_id")
            return None
        reason = refusal(command.__struct_config__.tag, receipt.state)
        if reason is None:
            return receipt
        self._books.refuse(command, reason, "receipt_id")
        return None

    def _stock(self, command: RegradeLot | RecordShrinkage | TakeStock) -> Stock | None:
        if not self._books.may(command, "operator_id", ("warehouse",)):
            return None
        stock = self._books.receipts.find_stock(command.lot_id)
        if stock is None:
            self._books.refuse(command, "unknown_lot", "lot_id")
        return stock

    def _takes(self, command: Any, field: str, references: References, reference: str) -> bool:
        """Whether the one named in `field` is another participant, and the reference is new; else it is refused."""
        books = self._books
        other_id = getattr(command, field)
        if other_id not in books.purses:
            books.refuse(command, "unknown_participant", field)
        elif other_id == command.participant_id:
            books.refuse(command, "same_participant", field)
        elif reference in references:
            books.refuse(command, "duplicate_reference", "reference")
        else:
            return True
        return False

    def _concerns(self, receipt: LiveReceipt, participant_id: int) -> bool:
        pledge = receipt.pledge
        return participant_id == receipt.participant_id or (pledge is not None and pledge.lender_id == participant_id)

    def _tell(self, receipt: LiveReceipt, cause: Any) -> None:
        message = self._books.receipts.message(receipt)
        self._books.events.append(ReceiptChanged(cause, message))
        self._books.touch(receipt.participant_id, message.symbol)

    def _close(self, receipt: LiveReceipt) -> None:
        self._books.desk.close_exhausted((self._books.receipts.stock(receipt.lot_id).symbol,))

    def _open(self, receipt: LiveReceipt) -> None:
        if receipt.state == "issued":
            self._books.desk.open(self._books.receipts.stock(receipt.lot_id).symbol)

    # Time and state: nothing is due here, receipts expire at the depository

    def next_deadline_ns(self) -> int | None:
        return None

    def reach(self) -> None:
        pass

    def state(self) -> bytes:
        return _encode(CustodyState(self._transfers.state(), self._pledges.state()))

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=CustodyState)
        self._transfers.restore(decoded.transfers)
        self._pledges.restore(decoded.pledges)

    def digest(self) -> Any:
        return self._transfers.digest(), self._pledges.digest()

    def audit(self) -> None:
        """Who lent and who holds are different participants. O(receipts)."""
        for receipt in self._books.receipts.all():
            if receipt.pledge is not None:
                assert receipt.pledge.lender_id in self._books.purses
                assert receipt.pledge.lender_id != receipt.participant_id


def expire(books: Books, receipts: list[LiveReceipt]) -> None:
    """Receipts whose time has come: their offers go first, then they, then instruments of which nothing is left."""
    if not receipts:
        return
    books.desk.uncover_all(receipts, RECEIPT_EXPIRED)
    symbols: dict[str, None] = {}
    for receipt in receipts:
        books.receipts.expire(receipt)
        message = books.receipts.message(receipt)
        books.events.append(ReceiptChanged("expired", message))
        books.touch(receipt.participant_id, message.symbol)
        symbols[message.symbol] = None
    books.desk.close_exhausted(symbols)


def _holds(receipt: LiveReceipt, cause: str) -> bool:
    return any(hold.cause == cause for hold in receipt.holds)
