"""What settlement's commands and events mean to the public market, in market data's own words.

Market data knows neither people nor profiles. Two things it could not tell by itself: how a symbol's first receipt
defines its instrument, which the venue's profile decides, and that a trade was taken back.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from exchange.protocol import Entry
from marketdata import messages as market
from matching.messages import InstrumentDefined
from settlement.messages import BustTrade, IssueReceipt, Profile, TradeBusted
from settlement.venue import first_definition

_TRANSLATED = (IssueReceipt, BustTrade)
"""Commands whose events market data needs help with; all others go as they are."""


class MarketBatch(Struct, frozen=True):
    """A committed batch as `marketdata.projection` reads it."""

    first_sequence: int
    time_ns: int
    commands: tuple[Any, ...]
    events: tuple[tuple[Any, ...], ...]


def market_batches(entries: Iterable[Entry], profile_at: Callable[[int], Profile]) -> Iterator[Entry | MarketBatch]:
    """Committed batches for market data. `profile_at` is the profile in force at a sequence. O(commands)."""
    for entry in entries:
        yield _translated(entry, profile_at) if any(isinstance(each, _TRANSLATED) for each in entry.commands) else entry


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
        if isinstance(command, IssueReceipt):
            for event in told:
                if isinstance(event, InstrumentDefined):
                    commands[at] = first_definition(event.symbol, profile_at(entry.first_sequence + at))
        elif isinstance(command, BustTrade):
            events[at] = tuple(busted_trade(event) if isinstance(event, TradeBusted) else event for event in told)
    return MarketBatch(entry.first_sequence, entry.time_ns, tuple(commands), tuple(events))
