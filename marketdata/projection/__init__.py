"""Committed events become rows of `marketdata.tables`, in few statements.

Whoever calls this moves the cursor in the same transaction, so each event is projected once: a candle's volume can be
added to, and a trade that exists already means that this was broken (`IntegrityError`).

What an order displays comes as `OrderOnBook`, one for each order that a command touched, which the roof derives from
execution reports. What it displayed before these batches is asked of the caller, who knows orders.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from marketdata import tables
from marketdata.messages import OrderOnBook, TradeBusted
from marketdata.projection.index import IndexDays
from marketdata.projection.instruments import Instruments
from marketdata.projection.levels import Displayed, Levels
from marketdata.projection.rows import Row, add_rows
from marketdata.projection.trades import Trades
from matching.messages import AuctionUncrossed, InstrumentDefined, PhaseChanged, TradeExecuted

__all__ = ["Committed", "Displayed", "project"]

_NOTHING: Final[Mapping[int, Displayed]] = {}


class Committed(Protocol):
    """A batch as the journal has it: command `i` has sequence `first_sequence + i` and caused `events[i]`.

    Events that are none of market data's words are passed over.
    """

    @property
    def first_sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def commands(self) -> Sequence[Any]: ...
    @property
    def events(self) -> Sequence[Sequence[Any]]: ...


def project(
    connection: Connection, batches: Iterable[Committed], displayed: Mapping[int, Displayed] = _NOTHING
) -> None:
    """Write what the batches did, in their order. O(events), a few statements in all.

    `displayed` is what orders that the batches tell of displayed before them; who is left out displayed nothing.
    """
    instruments, trades, levels, index = Instruments(), Trades(), Levels(displayed), IndexDays()
    moments: list[Row] = []
    for batch in batches:
        time_ns, sequence = batch.time_ns, batch.first_sequence - 1
        for command, events in zip(batch.commands, batch.events, strict=True):
            sequence += 1
            for event in events:
                kind = type(event)
                if kind is OrderOnBook:
                    levels.show(event)
                elif kind is TradeExecuted:
                    trades.add(event, sequence, time_ns)
                    index.add(event, time_ns)
                elif kind is PhaseChanged:
                    instruments.phase(event, sequence)
                    levels.phase(event.symbol, event.phase)
                elif kind is InstrumentDefined:
                    levels.phase(event.symbol, instruments.define(command, event, sequence))
                elif kind is AuctionUncrossed:
                    levels.uncross(event.symbol)
                elif kind is TradeBusted:
                    trades.bust(event)
                    index.take_out(event)
            levels.end_command(sequence, time_ns)
        moments.append({"sequence": sequence, "time_ns": time_ns})
    instruments.write(connection)
    trades.write(connection)
    levels.write(connection)
    index.write(connection)
    add_rows(connection, tables.moments, moments)
