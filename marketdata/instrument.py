"""What the feed knows of one instrument: its book, last trades, figures, candles and phase, and its streams."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import astuple

from marketdata.candles import DAY_NS, LENGTH_NS, Candles, start_of
from marketdata.depth import Depth, OrderState
from marketdata.messages import (
    INTERVALS,
    CandleRow,
    Interval,
    LotOffered,
    MarketEvent,
    Offer,
    OrderAtMarket,
    OrderOnBook,
    PhaseExplained,
    TermsDefined,
    Trade,
    TradeBusted,
)
from marketdata.statistics import DayState, DayStatistics
from matching.auction import collected
from matching.instrument import fences
from matching.messages import AuctionUncrossed, Phase, PhaseChanged, Side, TradeExecuted

if TYPE_CHECKING:
    from marketdata.streams import Stream

LAST_TRADES: Final = 50
"""Trades in a snapshot."""

RECENT_TRADES: Final = 100_000
"""Trades kept to correct candles by, when one of them is taken back: as many as can be, if they are so recent."""

RECENT_NS: Final = DAY_NS + LENGTH_NS["5m"]
"""For so long: what is taken back is no older than a day, and a candle of five minutes may have begun before it."""

Indication = tuple[int | None, int, int]
"""What an uncross would come to now: price, quantity, surplus."""

NOTHING: Final[Indication] = (None, 0, 0)

TradeState = tuple[int, int, int, Side | None, int, bool]
"""The fields of a trade in their order."""


class InstrumentState(Struct, frozen=True, array_like=True):
    """What an instrument has kept once a command is settled; the last trades are the end of the recent ones.

    A field has no default, so that the state of a release that kept less is refused.
    """

    symbol: str
    phase: Phase
    reason: str | None
    dark: bool
    orders: list[OrderState]
    at_market: list[tuple[int, bool, int]]
    terms: TermsDefined | None
    last_price: int | None
    offers: list[Offer]
    recent: list[TradeState]
    last: list[TradeState]
    candles: list[list[CandleRow]]
    day: DayState


class Instrument:
    """One instrument as the public sees it.

    `dark` is true from the beginning of an auction to its uncross: the book is kept, but not shown. `new_trades`,
    `new_offers` (the offer before and after) and `phase_changed` are what the command under way has brought; `settle`
    ends it.
    """

    __slots__ = (
        "at_market",
        "candles",
        "dark",
        "day",
        "depth",
        "last_price",
        "new_offers",
        "new_trades",
        "offers",
        "phase",
        "phase_changed",
        "reason",
        "recent",
        "streams",
        "symbol",
        "terms",
        "trades",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.phase: Phase = "continuous"
        self.reason: str | None = None
        self.dark = False
        self.depth = Depth()
        self.at_market: dict[int, tuple[bool, int]] = {}
        """Market orders that wait for an uncross: `order_id` → whether it buys, kilograms."""
        self.terms: TermsDefined | None = None
        self.last_price: int | None = None
        """Of the last trade, taken back or not: an auction goes by it."""
        self.offers: dict[int, Offer] = {}
        self.new_offers: list[tuple[Offer | None, Offer]] = []
        self.trades: deque[Trade] = deque(maxlen=LAST_TRADES)
        self.recent: deque[Trade] = deque(maxlen=RECENT_TRADES)
        self.candles = Candles()
        self.day = DayStatistics()
        self.new_trades: list[Trade] = []
        self.phase_changed = False
        self.streams: list[Stream] = []

    def apply(self, event: MarketEvent, time_ns: int) -> None:
        """Take in one event. An instrument is in `continuous` until a `phase_changed` says otherwise."""
        if isinstance(event, OrderOnBook):
            self.depth.apply(event)
        elif isinstance(event, TradeExecuted):
            trade = Trade(
                trade_id=event.trade_id,
                price=event.price,
                quantity=event.quantity,
                aggressor_side=event.aggressor_side,
                time_ns=time_ns,
            )
            self.trades.append(trade)
            recent = self.recent
            recent.append(trade)
            if recent[0].time_ns < time_ns - RECENT_NS:
                self._forget_trades(time_ns - RECENT_NS)
            self.new_trades.append(trade)
            self.last_price = event.price
            self.candles.add(time_ns, event.price, event.quantity)
            self.day.add(time_ns, event.price, event.quantity)
        elif isinstance(event, PhaseChanged):
            self.phase_changed = self.phase_changed or event.phase != self.phase
            self.phase = event.phase
            self.reason = None
            if event.phase == "auction":
                self.dark = True
            elif event.phase != "halted":
                # An auction that is halted stays dark until it has uncrossed, or goes on with nothing to uncross.
                self.dark = False
        elif isinstance(event, AuctionUncrossed):
            self.dark = False
        elif isinstance(event, OrderAtMarket):
            if event.quantity:
                self.at_market[event.order_id] = (event.side == "buy", event.quantity)
            else:
                self.at_market.pop(event.order_id, None)
        elif isinstance(event, LotOffered):
            offer = event.offer
            self.new_offers.append((self.offers.get(offer.id), offer))
            if offer.remaining:
                self.offers[offer.id] = offer
            else:
                self.offers.pop(offer.id, None)
        elif isinstance(event, TradeBusted):
            self._bust(event)
        elif isinstance(event, PhaseExplained):
            self.reason = event.reason
        elif isinstance(event, TermsDefined):
            self.terms = event

    def settle(self) -> None:
        """The command is done and told."""
        self.depth.settle()
        if self.new_trades:
            self.new_trades = []
        if self.new_offers:
            self.new_offers = []
        self.phase_changed = False

    def load(self, trades: Iterable[Trade]) -> None:
        """Take in earlier trades, ascending, as if they had been published."""
        for trade in trades:
            self.trades.append(trade)
            self.recent.append(trade)
            self.last_price = trade.price
            if trade.busted:
                continue
            self.candles.add(trade.time_ns, trade.price, trade.quantity)
            self.day.add(trade.time_ns, trade.price, trade.quantity)

    def state(self) -> InstrumentState:
        """O(orders + trades + candles)."""
        return InstrumentState(
            symbol=self.symbol,
            phase=self.phase,
            reason=self.reason,
            dark=self.dark,
            orders=self.depth.state(),
            at_market=[(order_id, buys, quantity) for order_id, (buys, quantity) in sorted(self.at_market.items())],
            terms=self.terms,
            last_price=self.last_price,
            offers=[offer for _, offer in sorted(self.offers.items())],
            recent=[astuple(trade) for trade in self.recent],
            last=[astuple(trade) for trade in self.trades],
            candles=[self.candles.rows(interval) for interval in INTERVALS],
            day=self.day.state(),
        )

    @classmethod
    def restored(cls, state: InstrumentState) -> "Instrument":
        """The instrument that `state` was taken of, without its streams. Raises ValueError where it is of another
        form."""
        instrument = cls(state.symbol)
        instrument.phase = state.phase
        instrument.reason = state.reason
        instrument.dark = state.dark
        instrument.depth.restore(state.orders)
        instrument.at_market = {order_id: (buys, quantity) for order_id, buys, quantity in state.at_market}
        instrument.terms = state.terms
        instrument.last_price = state.last_price
        instrument.offers = {offer.id: offer for offer in state.offers}
        instrument.recent.extend(_trade(each) for each in state.recent)
        instrument.trades.extend(_trade(each) for each in state.last)
        for interval, rows in zip(INTERVALS, state.candles, strict=True):
            instrument.candles.load(interval, rows)
        instrument.day.restore(state.day)
        return instrument

    def indicative(self) -> Indication:
        """What an uncross would come to now, of all that has collected. O(levels + icebergs)."""
        terms = self.terms
        if terms is None:
            return NOTHING
        market = {True: 0, False: 0}
        for buys, quantity in self.at_market.values():
            market[buys] += quantity
        return collected(
            self.depth.whole(True),
            self.depth.whole(False),
            market[True],
            market[False],
            terms.tick_size,
            terms.reference_price if self.last_price is None else self.last_price,
            fences(terms.tick_size, terms.reference_price, terms.band),
        )

    def _forget_trades(self, before_ns: int) -> None:
        recent = self.recent
        while recent and recent[0].time_ns < before_ns:
            recent.popleft()

    def _bust(self, event: TradeBusted) -> None:
        """Tell the trade again as what it is now, and count it out of candles and figures."""
        busted = Trade(
            trade_id=event.trade_id,
            price=event.price,
            quantity=event.quantity,
            aggressor_side=event.aggressor_side,
            time_ns=event.traded_ns,
            busted=True,
        )
        for kept in (self.trades, self.recent):
            for at in range(len(kept) - 1, -1, -1):
                if kept[at].trade_id <= event.trade_id:
                    if kept[at].trade_id == event.trade_id:
                        kept[at] = busted
                    break
        self.new_trades.append(busted)
        self.candles.take_out(event.traded_ns, event.quantity, self._around("5m", event.traded_ns))
        self.day.take_out(event.traded_ns, event.price, event.quantity, self.candles)

    def _around(self, interval: Interval, time_ns: int) -> list[tuple[int, int, int]] | None:
        """(time, price, quantity) of what trades stand of an interval, or None where not all of them are kept."""
        start_ns = start_of(interval, time_ns)
        end_ns = start_ns + LENGTH_NS[interval]
        recent = self.recent
        if len(recent) == RECENT_TRADES and recent[0].time_ns >= start_ns:
            return None
        return [
            (trade.time_ns, trade.price, trade.quantity)
            for trade in recent
            if start_ns <= trade.time_ns < end_ns and not trade.busted
        ]

    def ticker(self) -> dict[str, Any]:
        """The fields of a ticker message; no best prices while the book is dark."""
        day, depth = self.day, self.depth
        return {
            "bid": None if self.dark else depth.bids.top(),
            "ask": None if self.dark else depth.asks.top(),
            "last": day.last,
            "open": day.open,
            "high": day.high,
            "low": day.low,
            "previous_close": day.previous_close,
            "volume": day.volume,
            "turnover_fen": day.turnover_fen,
            "vwap": day.vwap,
        }

    def check(self) -> None:
        """O(orders + levels + candles)."""
        self.depth.check()
        self.candles.check()
        self.day.check()
        if self.phase == "continuous" and not self.dark:
            bid, ask = self.depth.bids.top(), self.depth.asks.top()
            assert bid is None or ask is None or bid[0] < ask[0]


def _trade(state: TradeState) -> Trade:
    trade_id, price, quantity, aggressor_side, time_ns, busted = state
    return Trade(
        trade_id=trade_id,
        price=price,
        quantity=quantity,
        aggressor_side=aggressor_side,
        time_ns=time_ns,
        busted=busted,
    )
