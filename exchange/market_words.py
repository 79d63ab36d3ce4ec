"""What settlement's commands and events mean to the public market, in market data's own words.

Market data knows neither people nor profiles. Three things it could not tell by itself: how an instrument is defined
that a symbol's first goods open, issued or regraded, which the venue's profile decides; that a trade was taken back;
what an order displays in the book, which its execution report says.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from exchange.protocol import Entry
from marketdata import messages as market
from matching.messages import AuctionUncrossed, DefineInstrument, InstrumentDefined, PhaseChanged, TradeExecuted
from settlement.messages import ExecutionReport, Profile, TradeBusted
from settlement.venue import first_definition


class MarketBatch(Struct, frozen=True):
    """A committed batch as `marketdata.projection` reads it."""

    first_sequence: int
    time_ns: int
    commands: tuple[Any, ...]
    events: tuple[tuple[Any, ...], ...]


def market_batches(entries: Iterable[Entry], profile_at: Callable[[int], Profile]) -> Iterator[MarketBatch]:
    """Committed batches for market data. `profile_at` is the profile in force at a sequence. O(events)."""
    for entry in entries:
        yield _translated(entry, profile_at)


def reported_orders(entries: Iterable[Entry]) -> list[int]:
    """The orders that batches tell of, each once. O(events)."""
    return list(
        {
            event.order_id: None
            for entry in entries
            for events in entry.events
            for event in events
            if type(event) is ExecutionReport
        }
    )


def busted_trade(event: TradeBusted) -> market.TradeBusted:
    trade = event.trade
    return market.TradeBusted(
        symbol=trade.symbol,
        trade_id=trade.trade_id,
        price=trade.price,
        quantity=trade.quantity,
        aggressor_side=trade.aggressor_side,
        traded_ns=event.traded_ns,
    )


def order_on_book(report: ExecutionReport) -> market.OrderOnBook | None:
    """What the book shows of an order; none of one that never stands in a book. Its place in the queue is not told."""
    if report.price is None or report.via != "order":
        return None
    return market.OrderOnBook(
        symbol=report.symbol,
        order_id=report.order_id,
        side=report.side,
        price=report.price,
        quantity=report.displayed,
    )


def _same(event: Any) -> Any:
    return event


_WORDS: Final[dict[type, Callable[[Any], Any]]] = {
    InstrumentDefined: _same,
    PhaseChanged: _same,
    TradeExecuted: _same,
    AuctionUncrossed: _same,
    ExecutionReport: order_on_book,
    TradeBusted: busted_trade,
}
"""What market data hears of, and how it is said there."""


def _translated(entry: Entry, profile_at: Callable[[int], Profile]) -> MarketBatch:
    commands: Sequence[Any] = entry.commands
    events: list[tuple[Any, ...]] = []
    for at, told in enumerate(entry.events):
        heard: list[Any] = []
        for event in told:
            word = _WORDS.get(type(event))
            if word is None:
                continue
            said = word(event)
            if said is not None:
                heard.append(said)
                if type(event) is InstrumentDefined and not isinstance(entry.commands[at], DefineInstrument):
                    opened = first_definition(event.symbol, profile_at(entry.first_sequence + at))
                    commands = [*commands[:at], opened, *commands[at + 1 :]]
        events.append(tuple(heard))
    return MarketBatch(entry.first_sequence, entry.time_ns, tuple(commands), tuple(events))
