"""The part of the reckoning that is about what the public has seen: books level by level, phases, daily sums, the
index.

Each command's book is compared with the one before it, shown or dark, where the projection adds up differences.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table

from exchange.engine import Engine
from exchange.reckoning_of_stores import Row, Rows
from marketdata import tables
from marketdata.candles import trading_day
from marketdata.index import TradingDay, code_of, entries, readings
from matching.messages import AuctionUncrossed, DefineInstrument, InstrumentDefined, PhaseChanged, TradeExecuted
from settlement.messages import ExecutionReport, TradeBusted

Level = tuple[str, int]
"""Side and price."""


class Book:
    """What stands in the book of an instrument."""

    __slots__ = ("dark", "ever", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[Level, tuple[int, int]] = {}
        """Kilograms and orders of each level."""
        self.ever: dict[Level, None] = {}
        """Levels at which there was something once."""
        self.dark = False

    def add(self, level: Level, quantity: int, orders: int) -> None:
        had = self.sizes.get(level, (0, 0))
        now = (had[0] + quantity, had[1] + orders)
        self.ever[level] = None
        if now == (0, 0):
            self.sizes.pop(level, None)
        else:
            self.sizes[level] = now


class MarketHistory:
    def __init__(self, rows: Callable[[Table], Rows], differ: Callable[[str, str], None]) -> None:
        self._differ = differ
        self._levels = rows(tables.levels)
        self._level_changes = rows(tables.level_changes)
        self._phases = rows(tables.phase_changes)
        self._moments = rows(tables.moments)
        self._symbol_days = rows(tables.symbol_days)
        self._index_days = rows(tables.index_days)
        self._books: dict[str, Book] = {}
        self._orders: dict[int, tuple[str, Level, int]] = {}
        """What each order displays: symbol, level, kilograms."""
        self._days: dict[int, dict[str, list[int]]] = {}
        """Kilograms, fen and number of trades, by day and symbol."""

    def take(self, command: Any, events: Sequence[Any], stamp: Row) -> None:
        """What one command did. O(events), and O(levels) of an instrument whose book goes dark or light."""
        reports: list[ExecutionReport] = []
        positions: dict[str, int] = {}
        dark_before: dict[str, bool] = {}
        for event in events:
            match event:
                case ExecutionReport():
                    reports.append(event)
                case TradeExecuted():
                    self._count(event, stamp["time_ns"], 1)
                case TradeBusted():
                    self._count(event.trade, event.traded_ns, -1)
                case PhaseChanged() | InstrumentDefined():
                    book = self._books.setdefault(event.symbol, Book())
                    dark_before.setdefault(event.symbol, book.dark)
                    phase = event.phase if isinstance(event, PhaseChanged) else _first_phase(command)
                    book.dark = phase == "auction" or (phase == "halted" and book.dark)
                    position = positions[event.symbol] = positions.get(event.symbol, 0) + 1
                    row = {"symbol": event.symbol, "position": position, "phase": phase, "dark": book.dark}
                    self._phases.put(row | stamp, ended=True)
                case AuctionUncrossed():
                    book = self._books[event.symbol]
                    dark_before.setdefault(event.symbol, book.dark)
                    book.dark = False
        self._show(reports, dark_before, stamp)

    def end_batch(self, sequence: int, time_ns: int) -> None:
        self._moments.put({"sequence": sequence, "time_ns": time_ns}, ended=True)

    def close(self, engine: Engine) -> int:
        """Compare what is left, and the books with the engine's; how many rows there must be in all."""
        for symbol, book in self._books.items():
            for level in book.ever:
                self._levels.put(_row(symbol, level, book.sizes))
            self._compare(engine, symbol, book)
        days = [
            TradingDay(day, {symbol: (sums[0], sums[1], sums[2]) for symbol, sums in self._days[day].items()})
            for day in sorted(self._days)
        ]
        for at, (day, reading) in enumerate(zip(days, readings(days), strict=True)):
            for symbol, (volume, turnover_fen, trades) in day.symbols.items():
                sums = {"volume": volume, "turnover_fen": turnover_fen, "trades": trades}
                self._symbol_days.put({"day": day.day, "symbol": symbol} | sums, ended=True)
            joined = {code_of(variety): quote.joined for variety, quote in reading.quotes.items()}
            for entry in entries(days[: at + 1], reading):
                row = {
                    "code": entry.code,
                    "day": entry.day,
                    "value": entry.value,
                    "carried": entry.carried,
                    "joined": joined.get(entry.code, 0),
                    "constituents": entry.constituents,
                }
                self._index_days.put(row, ended=True)
        kept = (
            self._levels,
            self._level_changes,
            self._phases,
            self._moments,
            self._symbol_days,
            self._index_days,
        )
        for rows in kept:
            rows.close()
        return sum(rows.count for rows in kept)

    def _show(self, reports: Sequence[ExecutionReport], dark_before: Mapping[str, bool], stamp: Row) -> None:
        before: dict[str, dict[Level, tuple[int, int]]] = {
            symbol: {} if dark else dict(self._books[symbol].sizes) for symbol, dark in dark_before.items()
        }
        touched: dict[str, dict[Level, tuple[int, int]]] = {}
        for report in reports:
            if report.price is None or report.via != "order":
                continue
            had = self._orders.pop(report.order_id, None)
            changes: list[tuple[str, Level, int, int]] = []
            if had is not None:
                changes.append((had[0], had[1], -had[2], -1))
            if report.displayed:
                shows: Level = (report.side, report.price)
                self._orders[report.order_id] = (report.symbol, shows, report.displayed)
                changes.append((report.symbol, shows, report.displayed, 1))
            for symbol, level, quantity, orders in changes:
                book = self._books[symbol]
                touched.setdefault(symbol, {}).setdefault(level, book.sizes.get(level, (0, 0)))
                book.add(level, quantity, orders)
        for symbol in dict.fromkeys([*before, *touched]):
            book = self._books[symbol]
            if symbol in before:
                shown = {} if book.dark else book.sizes
                seen, levels = before[symbol], [*before[symbol], *shown]
            elif book.dark:
                continue
            else:
                shown, seen, levels = book.sizes, touched[symbol], list(touched[symbol])
            for level in dict.fromkeys(levels):
                if seen.get(level, (0, 0)) != shown.get(level, (0, 0)):
                    self._level_changes.put(_row(symbol, level, shown) | stamp, ended=True)

    def _count(self, trade: Any, time_ns: int, sign: int) -> None:
        sums = self._days.setdefault(trading_day(time_ns), {}).setdefault(trade.symbol, [0, 0, 0])
        sums[0] += sign * trade.quantity
        sums[1] += sign * trade.quantity * trade.price
        sums[2] += sign

    def _compare(self, engine: Engine, symbol: str, book: Book) -> None:
        sides: tuple[Any, ...] = ("buy", "sell")
        stands = {
            (side, price): (quantity, orders)
            for side in sides
            for price, quantity, orders in engine.market.levels(symbol, side, None)
        }
        for level in sorted(stands.keys() | book.sizes.keys()):
            if stands.get(level) != book.sizes.get(level):
                detail = f"{symbol} {level[0]} {level[1]} has {stands.get(level)}, the events say "
                self._differ("engine's books", f"{detail}{book.sizes.get(level)}")


def _first_phase(command: Any) -> str:
    """What goods open is in `continuous` from its first moment."""
    return command.phase if isinstance(command, DefineInstrument) else "continuous"


def _row(symbol: str, level: Level, sizes: Mapping[Level, tuple[int, int]]) -> Row:
    quantity, orders = sizes.get(level, (0, 0))
    return {"symbol": symbol, "side": level[0], "price": level[1], "quantity": quantity, "orders": orders}
