"""Orders and offers as their reports tell them: one report an order touched, what each holds, what each has paid."""

from dataclasses import dataclass
from typing import Any

from matching import messages as matching
from matching.messages import AuctionClosed, AuctionUncrossed, BidPlaced, SelfTradePrevented, TradeExecuted
from settlement.messages import (
    ConfigureVenue,
    EnterAuction,
    ExecutionReport,
    LotsDelivered,
    TradeBusted,
    TradeSettled,
    VenueConfigured,
)
from settlement.messages.contracts import ContractTerms

LIVE = ("accepted", "resting", "partly_filled")

NAMING: dict[type, tuple[str, ...]] = {
    matching.OrderAccepted: ("order_id",),
    matching.OrderRejected: ("order_id",),
    matching.OrderCancelled: ("order_id",),
    matching.OrderAmended: ("order_id",),
    matching.StopTriggered: ("order_id",),
    matching.TradeExecuted: ("buy_order_id", "sell_order_id"),
    matching.SelfTradePrevented: ("buy_order_id", "sell_order_id"),
    matching.ListingOpened: ("listing_id",),
    matching.ListingRejected: ("listing_id",),
    matching.ListingClosed: ("listing_id",),
    matching.TakeRejected: ("take_id",),
    matching.CounterPlaced: ("counter_id",),
    matching.CounterRejected: ("counter_id",),
    matching.CounterClosed: ("counter_id",),
    matching.AuctionOpened: ("auction_id",),
    matching.AuctionRejected: ("auction_id",),
    matching.AuctionExtended: ("auction_id",),
    matching.AuctionClosed: ("auction_id",),
    matching.BidPlaced: ("bid_id",),
    matching.BidRejected: ("bid_id",),
    matching.TradeReported: ("report_id",),
    matching.ReportRejected: ("report_id",),
    matching.ReportClosed: ("report_id",),
    matching.ConfirmRejected: ("confirm_id",),
}
"""Which orders an event of the market's touches."""


@dataclass
class Account:
    """What an order has paid and promised, reckoned anew: the schedule and terms are those of its entry."""

    maker_ppm: int
    taker_ppm: int
    minimum_fen: int
    terms: ContractTerms | None
    rated: int = 0
    traded_fen: int = 0
    filled: int = 0
    fee_fen: int = 0
    highest_bid: int = 0

    def charge(self, trade: TradeSettled, side: str) -> tuple[int, int]:
        """(fee, earnest money) of one more trade."""
        before = self.traded_fen
        self.traded_fen += trade.amount_fen
        self.filled += trade.quantity
        self.rated += trade.amount_fen * (self.taker_ppm if trade.aggressor_side == side else self.maker_ppm)
        fee_fen = max(-(-self.rated // 1_000_000), self.minimum_fen)
        if side == "sell":
            fee_fen = min(fee_fen, self.traded_fen)
        due_fen, self.fee_fen = fee_fen - self.fee_fen, fee_fen
        return due_fen, 0 if self.terms is None else self._earnest(self.traded_fen) - self._earnest(before)

    def reserved(self, open_fen: int) -> int:
        """What must be at hand to trade for so much more."""
        if not open_fen and not self.traded_fen:
            return 0
        price_fen = open_fen
        if self.terms is not None:
            price_fen = self._earnest(self.traded_fen + open_fen) - self._earnest(self.traded_fen)
        fee_fen = max(-(-(self.rated + max(self.maker_ppm, self.taker_ppm) * open_fen) // 1_000_000), self.minimum_fen)
        return price_fen + fee_fen - self.fee_fen

    def _earnest(self, traded_fen: int) -> int:
        assert self.terms is not None
        return -(-traded_fen * self.terms.earnest_permille // 1_000)


class Orders:
    """Live orders by their last report."""

    def __init__(self) -> None:
        self.live: dict[int, ExecutionReport] = {}
        self.ended: dict[int, str] = {}
        self.trades: dict[int, TradeSettled] = {}
        self.busted: dict[int, None] = {}
        self._accounts: dict[int, Account] = {}
        self._styles: dict[int, str] = {}
        self._leading: dict[int, int] = {}
        self._venue: VenueConfigured | ConfigureVenue | None = None

    def configure(self, venue: VenueConfigured) -> None:
        self._venue = venue

    def take(self, command: Any, events: list[Any], sequence: int, time_ns: int) -> None:
        """Judge a command's events about orders, and keep what they say."""
        touched: dict[int, None] = {}
        settled: list[TradeSettled] = []
        raised: dict[int, None] = {}
        uncrossed: dict[str, None] = {}
        reports: list[ExecutionReport] = []
        kinds = [type(event) for event in events]
        for at, event in enumerate(events):
            kind = kinds[at]
            for name in NAMING.get(kind, ()):
                touched[getattr(event, name)] = None
            if kind is TradeExecuted:
                assert kinds[at + 1] is LotsDelivered
                assert event.trade_id == len(self.trades) + len(settled) + 1
                told = next(later for later in events[at:] if type(later) is TradeSettled)
                assert (told.trade_id, told.price, told.quantity) == (event.trade_id, event.price, event.quantity)
                delivered = tuple((sold_id, kilograms) for sold_id, _, kilograms in told.lots)
                assert events[at + 1] == LotsDelivered(event.trade_id, delivered)
            elif kind is TradeSettled:
                settled.append(event)
            elif kind is TradeBusted:
                assert event.trade == self.trades[event.trade.trade_id]
                assert event.trade.trade_id not in self.busted
                self.busted[event.trade.trade_id] = None
            elif kind is BidPlaced:
                raised[event.auction_id] = None
                outbid = self._leading.get(event.auction_id)
                if outbid is not None:
                    touched[outbid] = None
                self._leading[event.auction_id] = event.bid_id
                if event.auction_id in self._accounts:
                    account = self._accounts[event.auction_id]
                    account.highest_bid = max(account.highest_bid, event.price)
            elif kind is AuctionClosed:
                led = self._leading.pop(event.auction_id, None)
                if led is not None:
                    touched[led] = None
            elif kind is AuctionUncrossed:
                uncrossed[event.symbol] = None
            elif kind is SelfTradePrevented:
                assert event.quantity > 0
            elif kind is ExecutionReport:
                reports.append(event)
        self._judge_touched(touched, raised, uncrossed, reports)
        for report in reports:
            assert (report.sequence, report.time_ns) == (sequence, time_ns), report
            assert report.order_id not in self.ended, report
            if report.order_id not in self._accounts:
                self._accounts[report.order_id] = self._open(report)
                if type(command) is EnterAuction:
                    self._styles[report.order_id] = command.style
        for trade in settled:
            self._settle(trade, {report.order_id: report for report in reports})
        for report in reports:
            self._judge_report(report)
            if report.status in LIVE:
                self.live[report.order_id] = report
            else:
                self.live.pop(report.order_id, None)
                self.ended[report.order_id] = report.status

    def reserved(self, participant_id: int) -> int | None:
        """Fen that his live orders hold; None where one of them is bounded by what its reports do not tell."""
        total = 0
        for report in self.live.values():
            if report.participant_id != participant_id:
                continue
            account = self._accounts[report.order_id]
            if report.side == "sell" and account.terms is None:
                continue
            bound = report.price
            if bound is None or (report.via == "auction" and self._styles[report.order_id] == "dutch"):
                return None
            if report.via == "auction" and report.side == "sell":
                bound = max(bound, account.highest_bid)
            total += account.reserved(bound * report.remaining)
        return total

    def held(self) -> dict[int, int]:
        """Kilograms of each receipt that live orders hold."""
        held: dict[int, int] = {}
        for report in self.live.values():
            for receipt_id, kilograms in report.lots or ():
                assert kilograms > 0
                held[receipt_id] = held.get(receipt_id, 0) + kilograms
        return held

    def _judge_touched(
        self,
        touched: dict[int, None],
        raised: dict[int, None],
        uncrossed: dict[str, None],
        reports: list[ExecutionReport],
    ) -> None:
        """Exactly one report for each order touched, ascending but for the command's own, which comes last."""
        told = [report.order_id for report in reports]
        assert len(dict.fromkeys(told)) == len(told), told
        assert touched.keys() <= set(told), (sorted(touched), told)
        assert told[:-1] == sorted(told[:-1])
        for report in reports:
            if report.order_id in touched:
                continue
            refreshed = report.display_quantity is not None and report.symbol in uncrossed
            assert refreshed or report.order_id in raised, report

    def _open(self, report: ExecutionReport) -> Account:
        venue = self._venue
        assert venue is not None
        taker = venue.fee_rate_ppm if venue.fee_taker_rate_ppm is None else venue.fee_taker_rate_ppm
        terms = None
        if report.via != "order":
            terms = venue.contract if report.offer_id is None else self._accounts[report.offer_id].terms
        return Account(venue.fee_rate_ppm, taker, venue.fee_minimum_fen, terms)

    def _settle(self, trade: TradeSettled, reports: dict[int, ExecutionReport]) -> None:
        self.trades[trade.trade_id] = trade
        assert trade.amount_fen == trade.price * trade.quantity
        assert sum(kilograms for _, _, kilograms in trade.lots) == trade.quantity
        sides = (("buy", trade.buy_order_id, trade.buyer_fee_fen), ("sell", trade.sell_order_id, trade.seller_fee_fen))
        for side, order_id, fee_fen in sides:
            report = reports[order_id]
            assert report.participant_id == (trade.buyer_id if side == "buy" else trade.seller_id)
            assert (report.side, report.symbol) == (side, trade.symbol)
            account = self._accounts[order_id]
            due_fen, _ = account.charge(trade, side)
            assert due_fen == fee_fen, (trade, side, due_fen)
            assert (account.terms is None) == (trade.contract_id is None)

    def _judge_report(self, report: ExecutionReport) -> None:
        account = self._accounts[report.order_id]
        assert (report.filled, report.traded_fen, report.fee_fen) == (
            account.filled,
            account.traded_fen,
            account.fee_fen,
        ), report
        if report.status in LIVE:
            assert report.remaining == report.quantity - report.filled > 0
            assert report.reason is None
            assert (report.status == "partly_filled") == (report.filled > 0)
            assert 0 <= report.displayed <= report.remaining
            if report.side == "sell":
                assert sum(kilograms for _, kilograms in report.lots or ()) == report.remaining
            else:
                assert report.lots is None
        else:
            assert report.remaining == report.displayed == 0
            assert not report.lots
            assert (report.status == "filled") == (report.reason is None)
            assert report.filled <= report.quantity or report.status == "rejected"
            assert report.filled == 0 or report.status != "rejected"
