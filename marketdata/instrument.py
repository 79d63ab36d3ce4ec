"""What the feed knows of one instrument: its book, last trades, figures, candles and phase, and its streams."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from marketdata.candles import Candles, start_of
from marketdata.depth import Depth, OrderState
from marketdata.messages import INTERVALS, CandleRow, MarketEvent, OrderOnBook, Trade, TradeBusted
from marketdata.statistics import DayState, DayStatistics
from matching.messages import AuctionUncrossed, Phase, PhaseChanged, TradeExecuted

if TYPE_CHECKING:
    from marketdata.streams import Stream

LAST_TRADES: Final = 50
"""Trades in a snapshot."""

RECENT_TRADES: Final = 200
"""Trades kept to correct candles by, when one of them is taken back."""


class InstrumentState(Struct, frozen=True, array_like=True):
    """What an instrument has kept once a command is settled; the last trades are the end of the recent ones."""

    symbol: str
    phase: Phase
    dark: bool
    orders: list[OrderState]
    recent: list[Trade]
    candles: list[list[CandleRow]]
    day: DayState


class Instrument:
    """One instrument as the public sees it.

    `dark` is true from the beginning of an auction to its uncross: the book is kept, but not shown. `new_trades` and
    `phase_changed` are what the command under way has brought; `settle` ends it.
    """

    __slots__ = (
        "candles",
        "dark",
        "day",
        "depth",
        "new_trades",
        "phase",
        "phase_changed",
        "recent",
        "streams",
        "symbol",
        "trades",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.phase: Phase = "continuous"
        self.dark = False
        self.depth = Depth()
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
            self.recent.append(trade)
            self.new_trades.append(trade)
            self.candles.add(time_ns, event.price, event.quantity)
            self.day.add(time_ns, event.price, event.quantity)
        elif isinstance(event, PhaseChanged):
            self.phase_changed = self.phase_changed or event.phase != self.phase
            self.phase = event.phase
            if event.phase == "auction":
                self.dark = True
            elif event.phase != "halted":
                # An auction that is halted stays dark until it has uncrossed, or goes on with nothing to uncross.
                self.dark = False
        elif isinstance(event, AuctionUncrossed):
            self.dark = False
        elif isinstance(event, TradeBusted):
            self._bust(event)

    def settle(self) -> None:
        """The command is done and told."""
        self.depth.settle()
        if self.new_trades:
            self.new_trades = []
        self.phase_changed = False

    def load(self, trades: Iterable[Trade]) -> None:
        """Take in earlier trades, ascending, as if they had been published."""
        for trade in trades:
            self.trades.append(trade)
            self.recent.append(trade)
            if trade.busted:
                continue
            self.candles.add(trade.time_ns, trade.price, trade.quantity)
            self.day.add(trade.time_ns, trade.price, trade.quantity)

    def state(self) -> InstrumentState:
        """O(orders + trades + candles)."""
        return InstrumentState(
            self.symbol,
            self.phase,
            self.dark,
            self.depth.state(),
            list(self.recent),
            [self.candles.rows(interval) for interval in INTERVALS],
            self.day.state(),
        )

    @classmethod
    def restored(cls, state: InstrumentState) -> "Instrument":
        """The instrument that `state` was taken of, without its streams. Raises ValueError where it is of another
        form."""
        instrument = cls(state.symbol)
        instrument.phase = state.phase
        instrument.dark = state.dark
        instrument.depth.restore(state.orders)
        instrument.recent.extend(state.recent)
        instrument.trades.extend(state.recent[-LAST_TRADES:])
        for interval, rows in zip(INTERVALS, state.candles, strict=True):
            instrument.candles.load(interval, rows)
        instrument.day.restore(state.day)
        return instrument

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
            for at, trade in enumerate(kept):
                if trade.trade_id == event.trade_id:
                    kept[at] = busted
        self.new_trades.append(busted)
        start_ns = start_of("1m", event.traded_ns)
        minute = None
        if len(self.recent) < RECENT_TRADES or self.recent[0].time_ns < start_ns:
            minute = [
                (trade.price, trade.quantity)
                for trade in self.recent
                if start_of("1m", trade.time_ns) == start_ns and not trade.busted
            ]
        self.candles.take_out(event.traded_ns, event.quantity, minute)
        self.day.take_out(event.traded_ns, event.price, event.quantity, self.candles)

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
