"""Market stories: short verbs for commands, events told in words, the book drawn as text.

    102  #4 10
    101  #1 10+90  #2 20        an iceberg shows 10 and hides 90; #1 is first in the queue
    ---
    100  #3 5

Each order, listing, bid and so on belongs to the participant of its own number, unless `by` names another.
"""

from textwrap import dedent
from typing import Any

from matching import Market
from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    AuctionClosed,
    AuctionExtended,
    AuctionOpened,
    AuctionRejected,
    AuctionUncrossed,
    Bid,
    BidPlaced,
    BidRejected,
    CancelOrder,
    CancelRejected,
    Command,
    CommandRejected,
    ConfirmRejected,
    ConfirmTrade,
    CounterBid,
    CounterClosed,
    CounterPlaced,
    CounterRejected,
    DeclineReport,
    DefineInstrument,
    Event,
    InstrumentDefined,
    ListingClosed,
    ListingOpened,
    ListingRejected,
    ListLot,
    MassCancel,
    OpenAuction,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    PhaseChanged,
    PlaceOrder,
    Rejection,
    ReportClosed,
    ReportRejected,
    ReportTrade,
    SelfTradePrevented,
    SetPhase,
    StopTriggered,
    TakeListing,
    TakeRejected,
    TradeExecuted,
    TradeReported,
    WithdrawalRejected,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)

SYMBOL = "BXJ-1-SX1-26W47"


class Story:
    """One instrument, and what happened to it since the last time that someone told it."""

    def __init__(self, **definition: Any) -> None:
        self.market = Market()
        self.owners: dict[int, int] = {}
        self.lines: list[str] = []
        self.apply(DefineInstrument(SYMBOL, **definition))
        self.lines.clear()

    def apply(self, command: Command) -> None:
        reason = self.market.check(command)
        events = self.market.apply(command)
        self.market.audit()
        assert [event.reason for event in events if isinstance(event, Rejection)] == ([reason] if reason else [])
        agreed = isinstance(command, ConfirmTrade)
        self.lines.extend(told(event, "by agreement" if agreed else "in the auction") for event in events)

    def buy(self, order_id: int, quantity: int, price: int | None = None, by: int | None = None, **more: Any) -> None:
        self._place(order_id, "buy", quantity, price, by, more)

    def sell(self, order_id: int, quantity: int, price: int | None = None, by: int | None = None, **more: Any) -> None:
        self._place(order_id, "sell", quantity, price, by, more)

    def _place(
        self, order_id: int, side: Any, quantity: int, price: int | None, by: int | None, more: dict[str, Any]
    ) -> None:
        """No price and no kind is a market order; no price and a stop price a stop."""
        if "kind" not in more:
            stop = "stop_price" in more
            more["kind"] = ("stop" if stop else "market") if price is None else ("stop_limit" if stop else "limit")
        participant_id = order_id if by is None else by
        if order_id not in self.owners or self.market.order(order_id) is None:
            self.owners[order_id] = participant_id
        self.apply(PlaceOrder(order_id, participant_id, SYMBOL, side, quantity, price=price, **more))

    def cancel(self, order_id: int, by: int | None = None) -> None:
        self.apply(CancelOrder(order_id, self.owners.get(order_id, 0) if by is None else by))

    def amend(self, order_id: int, by: int | None = None, **changes: int) -> None:
        self.apply(AmendOrder(order_id, self.owners.get(order_id, 0) if by is None else by, **changes))

    def phase(self, phase: Any) -> None:
        self.apply(SetPhase(SYMBOL, phase))

    def time(self, time_ns: int) -> None:
        self.apply(AdvanceTime(time_ns))

    def mass_cancel(self, participant_id: int, **chosen: Any) -> None:
        self.apply(MassCancel(participant_id, **chosen))

    # Where there is no book

    def list_lot(self, listing_id: int, quantity: int, price: int, by: int | None = None, **more: Any) -> None:
        """A lot of the listing's own number, or a want."""
        if more.get("side") != "buy":
            more.setdefault("lot_id", listing_id)
        self.apply(
            ListLot(
                listing_id=listing_id, participant_id=by or listing_id, symbol=SYMBOL, quantity=quantity, price=price,
                **more,
            )
        )  # fmt: skip

    def take(self, take_id: int, listing_id: int, quantity: int, by: int | None = None, **more: Any) -> None:
        self.apply(TakeListing(take_id, listing_id, by or take_id, quantity, **more))

    def counter(
        self, counter_id: int, listing_id: int, quantity: int, price: int, by: int | None = None, **more: Any
    ) -> None:
        self.apply(CounterBid(counter_id, listing_id, by or counter_id, quantity, price, **more))

    def accept(self, counter_id: int, by: int) -> None:
        self.apply(AcceptCounter(counter_id, by))

    def open_auction(
        self, auction_id: int, quantity: int, start_price: int, by: int | None = None, **more: Any
    ) -> None:
        """English, of the auction's own lot, by steps of 1, until 100, unless something else is said."""
        if more.get("side") != "buy":
            more.setdefault("lot_id", auction_id)
        terms = {"style": "english", "step": 1, "ends_ns": 100, **more}
        self.apply(
            OpenAuction(
                auction_id=auction_id, participant_id=by or auction_id, symbol=SYMBOL, quantity=quantity,
                start_price=start_price, **terms,
            )
        )  # fmt: skip

    def bid(self, bid_id: int, auction_id: int, price: int | None, by: int | None = None, **more: Any) -> None:
        self.apply(Bid(bid_id, auction_id, by or bid_id, price, **more))

    def report(self, report_id: int, side: Any, quantity: int, price: int, to: int, **more: Any) -> None:
        """Reported by the participant of the report's number, until 100."""
        more.setdefault("expires_ns", 100)
        self.apply(
            ReportTrade(
                report_id=report_id, participant_id=report_id, counterparty_id=to, symbol=SYMBOL, side=side,
                quantity=quantity, price=price, **more,
            )
        )  # fmt: skip

    def confirm(self, confirm_id: int, report_id: int, by: int | None = None) -> None:
        self.apply(ConfirmTrade(confirm_id, report_id, by or confirm_id))

    def withdraw(self, kind: str, id: int, by: int | None = None) -> None:
        kinds: dict[str, Any] = {
            "listing": WithdrawListing, "counter": WithdrawCounter, "auction": WithdrawAuction,
            "report": WithdrawReport, "decline": DeclineReport,
        }  # fmt: skip
        self.apply(kinds[kind](id, by or id))

    def tells(self, expected: str) -> None:
        """Compare everything since the last time, and forget it. Acceptances may be left out, all or none."""
        wanted = [line for line in dedent(expected).strip().splitlines() if line]
        lines = self.lines
        if not any(line.startswith("accepted") for line in wanted):
            lines = [line for line in lines if not line.startswith("accepted")]
        self.lines = []
        assert lines == wanted

    def shows(self, expected: str) -> None:
        """Compare the whole book."""
        assert drawn(self.market) == dedent(expected).strip()

    def waits(self, *order_ids: int) -> None:
        """Compare who waits unseen."""
        assert [view.order_id for view in self.market.orders() if view.state == "waiting"] == list(order_ids)


def told(event: Event, without_aggressor: str = "in the auction") -> str:
    """One event in a line."""
    match event:
        case InstrumentDefined():
            return "defined"
        case OrderAccepted():
            return f"accepted {event.order_id}"
        case OrderRejected() | CancelRejected() | AmendRejected():
            verb = {OrderRejected: "rejected", CancelRejected: "cancel rejected", AmendRejected: "amend rejected"}
            return f"{verb[type(event)]} {event.order_id}: {event.reason}"
        case CommandRejected():
            return f"{event.command} rejected: {event.reason}"
        case TradeExecuted():
            who = f"{event.buy_order_id} buys {event.quantity} of {event.sell_order_id} at {event.price}"
            return f"trade {event.trade_id}: {who}" + ("" if event.aggressor_side else f" {without_aggressor}")
        case OrderCancelled():
            return f"cancelled {event.order_id}: {event.quantity}, {event.reason}"
        case OrderAmended():
            kept = "keeps" if event.priority_kept else "loses"
            return f"amended {event.order_id}: {event.quantity} at {event.price}, {kept} priority"
        case StopTriggered():
            return f"triggered {event.order_id}"
        case SelfTradePrevented():
            return f"self trade: {event.buy_order_id} and {event.sell_order_id}, {event.quantity}"
        case PhaseChanged():
            return f"phase {event.phase}"
        case AuctionUncrossed():
            return f"uncrossed {event.quantity} at {event.price}, surplus {event.surplus}"
        case ListingOpened():
            return f"listed {event.listing_id}"
        case CounterPlaced():
            return f"countered {event.listing_id} by {event.counter_id}"
        case AuctionOpened():
            return f"auction {event.auction_id}"
        case BidPlaced():
            return f"bid {event.bid_id} in {event.auction_id}: {event.price}"
        case AuctionExtended():
            return f"extended {event.auction_id}: {event.ends_ns}"
        case AuctionClosed():
            sold = "" if event.price is None else f"{event.quantity} at {event.price}, "
            return f"closed {event.auction_id}: {sold}{event.reason}"
        case TradeReported():
            return f"reported {event.report_id}"
        case ListingClosed():
            return f"closed {event.listing_id}: {event.quantity}, {event.reason}"
        case CounterClosed():
            return f"closed {event.counter_id}: {event.reason}"
        case ReportClosed():
            return f"closed {event.report_id}: {event.reason}"
        case ListingRejected():
            return f"rejected {event.listing_id}: {event.reason}"
        case TakeRejected():
            return f"rejected {event.take_id}: {event.reason}"
        case CounterRejected():
            return f"rejected {event.counter_id}: {event.reason}"
        case AcceptanceRejected():
            return f"acceptance rejected {event.counter_id}: {event.reason}"
        case WithdrawalRejected():
            return f"{event.command} rejected {event.id}: {event.reason}"
        case AuctionRejected():
            return f"rejected {event.auction_id}: {event.reason}"
        case BidRejected():
            return f"rejected {event.bid_id}: {event.reason}"
        case ReportRejected():
            return f"rejected {event.report_id}: {event.reason}"
        case ConfirmRejected():
            return f"rejected {event.confirm_id}: {event.reason}"


def drawn(market: Market, symbol: str = SYMBOL) -> str:
    """The book, asks above bids, each level's queue from the first to the last."""
    rows: dict[str, list[str]] = {"sell": [], "buy": []}
    for side in ("sell", "buy"):
        queues: dict[int, list[str]] = {}
        for view in market.queue(symbol, side):
            hidden = view.remaining - view.displayed
            assert view.price is not None
            queues.setdefault(view.price, []).append(
                f"#{view.order_id} {view.displayed}{f'+{hidden}' if hidden else ''}"
            )
        rows[side] = [f"{price}  {'  '.join(queue)}" for price, queue in queues.items()]
    return "\n".join([*reversed(rows["sell"]), "---", *rows["buy"]])
