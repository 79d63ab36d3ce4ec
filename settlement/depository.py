"""The depository: goods come in, are weighed and graded, become receipts, and leave."""

from typing import Any, Final

from msgspec import Struct, msgpack

from settlement.books import Books
from settlement.civil import day_number, venue_day
from settlement.custody import expire
from settlement.ledger import SHRINKAGE, participant_account
from settlement.lots import Arrival, Intake, receipted
from settlement.messages import (
    CASH,
    AnnounceLot,
    ArriveLot,
    InspectLot,
    IssueReceipt,
    LoadOut,
    Lot,
    LotChanged,
    OrderDelivery,
    ReceiptChanged,
    WeighLot,
)
from settlement.office import Handlers
from settlement.receipts import receipt_message
from settlement.receipts.states import refusal
from settlement.storage import first_chargeable_day, tariff_of
from settlement.storekeeper import collect, refuse_unpaid

_encode = msgpack.Encoder().encode


class DepositoryState(Struct, frozen=True, array_like=True):
    last_lot_id: int
    arrivals: list[Arrival]


class Depository:
    """The office of goods. Receipts themselves are in the books: trading moves them too."""

    def __init__(self, books: Books) -> None:
        self._books: Final = books
        self._intake = Intake()

    def handlers(self) -> Handlers:
        return {
            AnnounceLot: self._announce_lot,
            ArriveLot: self._arrive_lot,
            WeighLot: self._weigh_lot,
            InspectLot: self._inspect_lot,
            IssueReceipt: self._issue_receipt,
            OrderDelivery: self._order_delivery,
            LoadOut: self._load_out,
        }

    def lots(self) -> list[Lot]:
        """Lots on their way to a receipt, ascending."""
        return self._intake.all()

    def lot(self, lot_id: int) -> Lot | None:
        """A lot on its way to a receipt. O(1)."""
        return self._intake.get(lot_id)

    # Intake

    def _announce_lot(self, command: AnnounceLot) -> None:
        books = self._books
        if not books.may(command, "participant_id", ("grower",)):
            return
        grower = books.participants.get(command.participant_id)
        assert grower is not None
        self._tell_lot(command, self._intake.announce(command, grower, books.venue, books.time_ns))

    def _arrive_lot(self, command: ArriveLot) -> None:
        if self._books.may(command, "operator_id", ("warehouse",)):
            self._tell_lot(command, self._intake.arrive(command, self._books.time_ns))

    def _weigh_lot(self, command: WeighLot) -> None:
        if self._books.may(command, "operator_id", ("warehouse",)):
            self._tell_lot(command, self._intake.weigh(command))

    def _inspect_lot(self, command: InspectLot) -> None:
        if self._books.may(command, "operator_id", ("warehouse",)):
            self._tell_lot(command, self._intake.inspect(command, self._books.time_ns))

    def _issue_receipt(self, command: IssueReceipt) -> None:
        """Title to a lot comes into being: its receipt, goods in the ledger, the instrument if it is the first.

        Storage is asked for by the tariff of this moment as long as goods of the lot lie there.
        """
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        taken = self._intake.take(command.lot_id, command.weight_g)
        if not isinstance(taken, Arrival):
            books.refuse(command, *taken)
            return
        lot = taken.lot
        harvest_day = day_number(lot.harvest_date)
        assert harvest_day is not None
        assert lot.net_g is not None
        weight_g = lot.net_g if command.weight_g is None else command.weight_g
        tariff = tariff_of(books.venue.storage, lot.warehouse)
        receipt = books.receipts.issue(
            lot.lot_id,
            lot.participant_id,
            lot.symbol,
            lot.warehouse,
            lot.harvest_date,
            harvest_day,
            weight_g,
            taken.green_until_ns,
            command.operator_id,
            books.time_ns,
            taken.variety_days,
            tariff,
            first_chargeable_day(tariff, venue_day(books.time_ns)),
            lot.colour_stage or 1,
        )
        stock = books.receipts.stock(lot.lot_id)
        account = books.purses[lot.participant_id].account
        books.events.append(LotChanged(lot=receipted(lot, receipt.receipt_id)))
        books.post("intake", lot.lot_id, (books.move_goods(stock, stock.account, account, weight_g),))
        books.events.append(ReceiptChanged("issued", receipt_message(receipt, stock)))
        books.touch(lot.participant_id, lot.symbol)
        books.desk.open(lot.symbol)

    def _tell_lot(self, command: Any, result: Lot | tuple[str, str | None]) -> None:
        if isinstance(result, Lot):
            self._books.events.append(LotChanged(lot=result))
        else:
            self._books.refuse(command, *result)

    # Delivery

    def _order_delivery(self, command: OrderDelivery) -> None:
        """Refused: `unknown_receipt` (another's too), by its state, `receipt_reserved`."""
        books = self._books
        receipt = books.receipts.get(command.receipt_id)
        if receipt is None or receipt.participant_id != command.participant_id:
            books.refuse(command, "unknown_receipt", "receipt_id")
            return
        reason = refusal("order_delivery", receipt.state)
        if reason is None and receipt.reserved_g:
            reason = "receipt_reserved"
        if reason is not None:
            books.refuse(command, reason, "receipt_id")
        else:
            books.receipts.order_delivery(receipt)
            message = books.receipts.message(receipt)
            books.events.append(ReceiptChanged("delivery_ordered", message))
            books.touch(receipt.participant_id, message.symbol)
            books.desk.close_exhausted((message.symbol,))

    def _load_out(self, command: LoadOut) -> None:
        """The goods leave: to the holder who ordered them out, or because they have expired and the store is cleared.

        Out of a store that is cleared storage is paid as far as the holder's cash reaches. Refused: `unknown_receipt`,
        by its state, `receipt_pledged` (it has expired, the pledge has not), `under_delivery` (a delivery order is to
        fetch them), `storage_unpaid`.
        """
        books = self._books
        if not books.may(command, "operator_id", ("warehouse",)):
            return
        receipt = books.receipts.get(command.receipt_id)
        if receipt is None:
            books.refuse(command, "unknown_receipt", "receipt_id")
            return
        expired = receipt.state == "expired"
        reason = refusal("load_out", receipt.state)
        if reason is None and receipt.pledge is not None:
            reason = "receipt_pledged"
        if reason is None and receipt.receipt_id in books.delivering:
            reason = "under_delivery"
        if reason is None and not expired:
            reason = refuse_unpaid(books, receipt)
        if reason is not None:
            books.refuse(command, reason, "receipt_id")
            return
        storage = collect(books, receipt, "clearance", receipt.receipt_id) if expired else []
        stock = books.receipts.load_out(receipt)
        account = books.purses[receipt.participant_id].account
        goods = books.move_goods(stock, account, stock.account, receipt.weight_g)
        books.post("load_out", receipt.receipt_id, (goods, *storage))
        books.events.append(ReceiptChanged("delivered", receipt_message(receipt, stock)))
        books.touch(receipt.participant_id, stock.symbol)

    # Time

    def next_deadline_ns(self) -> int | None:
        """When the next receipt or the next lot without one has no green life left."""
        expiry_ns = self._books.receipts.next_expiry_ns()
        spoil_ns = self._intake.next_deadline_ns()
        if expiry_ns is None or (spoil_ns is not None and spoil_ns < expiry_ns):
            return spoil_ns
        return expiry_ns

    def reach(self) -> None:
        """Lots without a receipt spoil, receipts expire."""
        books = self._books
        for lot in self._intake.spoil(books.time_ns):
            books.events.append(LotChanged(lot=lot))
        expire(books, books.receipts.expiring(books.time_ns))

    # State

    def state(self) -> bytes:
        return _encode(DepositoryState(self._intake.last_lot_id, self._intake.arrivals()))

    def restore(self, state: bytes) -> None:
        decoded = msgpack.decode(state, type=DepositoryState)
        self._intake.restore(decoded.last_lot_id, decoded.arrivals)

    def digest(self) -> Any:
        return self._intake.digest()

    def audit(self) -> None:
        """The ledger knows the same goods as the receipts. O(receipts)."""
        books = self._books
        books.receipts.audit()
        goods: dict[tuple[str, str], int] = {}
        for stock in books.receipts.stocks():
            if stock.shrinkage_g:
                goods[stock.asset, SHRINKAGE] = stock.shrinkage_g
                goods[stock.asset, stock.account] = -stock.shrinkage_g
        for receipt in books.receipts.all():
            stock = books.receipts.stock(receipt.lot_id)
            for account, grams in (
                (participant_account(receipt.participant_id), receipt.weight_g),
                (stock.account, -receipt.weight_g),
            ):
                goods[stock.asset, account] = goods.get((stock.asset, account), 0) + grams
        kept = {(asset, account): balance for asset, account, balance in books.ledger.state() if asset != CASH}
        assert goods == kept
