"""What settlement's commands and events mean to the public market, in market data's own words.

Market data knows neither people nor profiles. Two things it could not tell by itself: how an instrument is defined
that a symbol's first goods open, issued or regraded, which the venue's profile decides; that a trade was taken back.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from exchange.protocol import Entry
from marketdata import messages as market
from matching.messages import DefineInstrument, InstrumentDefined
from settlement.messages import BustTrade, Profile, TradeBusted
from settlement.venue import first_definition


class MarketBatch(Struct, frozen=True):
    """A committed batch as `marketdata.projection` reads it."""

    first_sequence: int
    time_ns: int
    commands: tuple[Any, ...]
    events: tuple[tuple[Any, ...], ...]


def market_batches(entries: Iterable[Entry], profile_at: Callable[[int], Profile]) -> Iterator[Entry | MarketBatch]:
    """Committed batches for market data. `profile_at` is the profile in force at a sequence. O(events)."""
    for entry in entries:
        yield _translated(entry, profile_at) if any(map(_wants_help, entry.commands, entry.events)) else entry


def _wants_help(command: Any, events: Iterable[Any]) -> bool:
    """Whether market data would misread a command or its events as they are."""
    if isinstance(command, BustTrade):
        return True
    return not isinstance(command, DefineInstrument) and any(isinstance(event, InstrumentDefined) for event in events)


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


def _translated(entry: Entry, profile_at: Callable[[int], Profile]) -> MarketBatch:
    commands: list[Any] = list(entry.commands)
    events: list[tuple[Any, ...]] = list(entry.events)
    for at, (command, told) in enumerate(zip(entry.commands, entry.events, strict=True)):
        if isinstance(command, BustTrade):
            events[at] = tuple(busted_trade(event) if isinstance(event, TradeBusted) else event for event in told)
        elif not isinstance(command, DefineInstrument):
            for event in told:
                if isinstance(event, InstrumentDefined):
                    commands[at] = first_definition(event.symbol, profile_at(entry.first_sequence + at))
    return MarketBatch(entry.first_sequence, entry.time_ns, tuple(commands), tuple(events))
