"""What is offered without a book, as the public is told it: which goods, from where, how fresh; and no names.

An offer's terms come from its execution reports and, for an auction, from the command that opened it and the bids. What
it says of goods comes from their lot: that a receipt is of a lot never changes, so the receipts in being are kept by
number, and of each lot the little that is shown.
"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from exchange.engine import Engine
from marketdata.feed import Feed
from marketdata.messages import LotOffered, Offer
from matching.messages import BidPlaced
from settlement.messages import (
    LIVE_STATES,
    EnterAuction,
    ExecutionReport,
    LotChanged,
    LotRegraded,
    ReceiptChanged,
)
from settlement.messages.climate import LifeShortened
from settlement.queries import LIVE_ORDERS
from settlement.symbols import parse_symbol

OFFERED: Final = ("listing", "auction")
"""The ways to trade by what anybody may answer."""

HEARD: Final = frozenset((LotChanged, LotRegraded, LifeShortened, BidPlaced))
"""What `hear` wants to hear."""


class Goods(Struct, frozen=True, array_like=True):
    """What is shown of a lot that has receipts."""

    lot_id: int
    town: str
    harvest_date: str
    certified: bool
    green_until_ns: int


class OfferedLots:
    """Follows receipts, lots and offers, a command at a time: what is heard, then `changes`, which ends it.

    Offers that stand are kept by the feed, and here only by number.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._goods: dict[int, Goods] = {}
        self._lot_of: dict[int, int] = {}
        """Receipts in being."""
        self._receipts: dict[int, int] = {}
        """How many receipts a lot has."""
        self._standing: dict[int, tuple[str, int | None]] = {}
        """Offer → symbol and lot."""
        self._changes: dict[int, LotOffered] = {}
        self._ended: list[int] = []

    def hear_receipt(self, event: ReceiptChanged) -> None:
        """O(1)."""
        receipt = event.receipt
        receipt_id = receipt.receipt_id
        if receipt.state in LIVE_STATES:
            if receipt_id not in self._lot_of:
                lot_id = self._lot_of[receipt_id] = receipt.lot_id
                self._receipts[lot_id] = self._receipts.get(lot_id, 0) + 1
                if event.cause == "issued":
                    self._keeps_until(lot_id, receipt.expires_ns)
        else:
            known = self._lot_of.pop(receipt_id, None)
            if known is not None:
                self._receipts[known] -= 1
                self._ended.append(known)

    def hear(self, event: Any) -> None:
        """Of the kinds in `HEARD`. O(1), and where goods keep less long than was said, O(offers)."""
        match event:
            case LotChanged():
                lot = event.lot
                if lot.status == "receipted":
                    certified = lot.certificate_number is not None
                    self._goods[lot.lot_id] = Goods(lot.lot_id, lot.town, lot.harvest_date, certified, 0)
            case LotRegraded() | LifeShortened():
                self._keeps_until(event.lot_id, event.expires_ns)
            case BidPlaced():
                offer = self._offer(event.auction_id)
                if offer is not None and offer.kind == "english":
                    self._change(offer, price=event.price)

    def hear_report(self, command: Any, report: ExecutionReport, time_ns: int) -> None:
        """One of `via` in `OFFERED`. O(1)."""
        offer = self._offer(report.order_id)
        if report.status in LIVE_ORDERS:
            if offer is None:
                self._open(command, report, time_ns)
            else:
                self._change(offer, remaining=report.remaining, expires_ns=report.expires_ns)
        elif offer is not None:
            self._change(offer, remaining=0)
            del self._standing[offer.id]

    def changes(self) -> list[LotOffered]:
        """What has become of offers by the command. The command is over."""
        if self._ended:
            for lot_id in self._ended:
                if self._receipts.get(lot_id) == 0:
                    del self._receipts[lot_id]
                    self._goods.pop(lot_id, None)
            self._ended = []
        if not self._changes:
            return []
        changes, self._changes = list(self._changes.values()), {}
        return changes

    def state(self) -> list[Goods]:
        return [goods for _, goods in sorted(self._goods.items())]

    def restore(self, state: Iterable[Goods], engine: Engine) -> None:
        """Put back what `state` gave; engine and feed stand where it was taken. O(receipts)."""
        self._goods = {goods.lot_id: goods for goods in state}
        for receipt in engine.all_receipts():
            self._lot_of[receipt.receipt_id] = receipt.lot_id
            self._receipts[receipt.lot_id] = self._receipts.get(receipt.lot_id, 0) + 1
        for symbol, instrument in self._feed.instruments.items():
            for offer_id in instrument.offers:
                report = engine.live_order(offer_id)
                assert report is not None
                self._standing[offer_id] = (symbol, self._lot_offered(report))

    def _offer(self, offer_id: int) -> Offer | None:
        """As it stands, or has become by the command under way."""
        changed = self._changes.get(offer_id)
        if changed is not None:
            return changed.offer
        standing = self._standing.get(offer_id)
        return None if standing is None else self._feed.instruments[standing[0]].offers[offer_id]

    def _change(self, offer: Offer, **fields: Any) -> None:
        changed = replace(offer, **fields)
        if changed != offer:
            self._changes[offer.id] = LotOffered(symbol=self._standing[offer.id][0], offer=changed)

    def _keeps_until(self, lot_id: int, expires_ns: int) -> None:
        goods = self._goods.get(lot_id)
        if goods is None or goods.green_until_ns == expires_ns:
            return
        self._goods[lot_id] = replace(goods, green_until_ns=expires_ns)
        for offer_id, (_, offered) in self._standing.items():
            if offered == lot_id:
                offer = self._offer(offer_id)
                assert offer is not None
                self._change(offer, green_until_ns=expires_ns)

    def _lot_offered(self, report: ExecutionReport) -> int | None:
        return self._lot_of.get(report.lots[0][0]) if report.lots else None

    def _open(self, command: Any, report: ExecutionReport, time_ns: int) -> None:
        opened = command if report.via == "auction" and isinstance(command, EnterAuction) else None
        lot_id = self._lot_offered(report)
        goods = None if lot_id is None else self._goods.get(lot_id)
        parts = parse_symbol(report.symbol)
        assert parts is not None
        offer = Offer(
            id=report.order_id,
            kind="listing" if opened is None else opened.style,
            side=report.side,
            price=report.price if opened is None else None,
            quantity=report.quantity,
            remaining=report.remaining,
            minimum=report.minimum_quantity,
            expires_ns=report.expires_ns,
            opened_ns=time_ns,
            start_price=None if opened is None else opened.start_price,
            step=None if opened is None else opened.step,
            interval_ns=None if opened is None else opened.interval_ns,
            variety=parts.variety,
            grade=parts.grade,
            warehouse=parts.warehouse,
            origin=None if goods is None else goods.town,
            harvest_date=None if goods is None else goods.harvest_date,
            green_until_ns=None if goods is None else goods.green_until_ns,
            certificate=None if goods is None else goods.certified,
        )
        self._standing[offer.id] = (report.symbol, lot_id)
        self._changes[offer.id] = LotOffered(symbol=report.symbol, offer=offer)
