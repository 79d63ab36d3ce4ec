"""The book by levels, as it stands and as readers have seen it change, and the phases that decide what they see.

A command's changes are kept as differences until all is written; only then is it looked up what stood at the touched
levels before. While an auction collects, the book is dark: levels go on, and nobody is told. What was shown goes to
nothing as it begins, and comes back whole as it ends, like the empty and the fresh snapshot of the feed.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection

from marketdata import tables
from marketdata.messages import OrderOnBook
from marketdata.projection.rows import Row, add_rows, encode, set_rows
from matching.messages import Phase

Displayed = tuple[str, str, int, int]
"""What an order shows: symbol, side, price, kilograms."""

Key = tuple[str, str, int]
"""A level: symbol, side, price."""

Size = tuple[int, int]
"""Kilograms displayed, orders."""

EMPTY: Final[Size] = (0, 0)


class _Command:
    """What one command did: level by level what came or went, and the phases that it led through."""

    __slots__ = ("changes", "phases", "sequence", "time_ns")

    def __init__(
        self, sequence: int, time_ns: int, changes: dict[Key, list[int]], phases: list[tuple[str, Phase | None]]
    ) -> None:
        self.sequence = sequence
        self.time_ns = time_ns
        self.changes = changes
        self.phases = phases


class Levels:
    def __init__(self, displayed: Mapping[int, Displayed]) -> None:
        self._orders = dict(displayed)
        self._commands: list[_Command] = []
        self._changes: dict[Key, list[int]] = {}
        self._phases: list[tuple[str, Phase | None]] = []

    def show(self, order: OrderOnBook) -> None:
        """Differences to what it showed before. O(1)."""
        order_id = order.order_id
        before = self._orders.get(order_id)
        if before is not None:
            symbol, side, price, quantity = before
            if order.quantity > 0 and price == order.price:
                if order.quantity != quantity:
                    self._change((symbol, side, price), order.quantity - quantity, 0)
                    self._orders[order_id] = (symbol, side, price, order.quantity)
                return
            self._change((symbol, side, price), -quantity, -1)
            del self._orders[order_id]
        if order.quantity > 0:
            self._change((order.symbol, order.side, order.price), order.quantity, 1)
            self._orders[order_id] = (order.symbol, order.side, order.price, order.quantity)

    def phase(self, symbol: str, phase: Phase) -> None:
        self._phases.append((symbol, phase))

    def uncross(self, symbol: str) -> None:
        self._phases.append((symbol, None))

    def end_command(self, sequence: int, time_ns: int) -> None:
        if self._changes or self._phases:
            self._commands.append(_Command(sequence, time_ns, self._changes, self._phases))
            self._changes, self._phases = {}, []

    def write(self, connection: Connection) -> None:
        """O(changes), and O(levels of an instrument) for each that goes dark or light."""
        if not self._commands:
            return
        dark = _dark(connection, self._symbols())
        sizes = _sizes(connection, {key: None for command in self._commands for key in command.changes})
        turned = [symbol for command in self._commands for symbol, _ in command.phases]
        if turned:
            sizes |= _standing(connection, turned)
        told: list[Row] = []
        phases: list[Row] = []
        touched: dict[Key, None] = {}
        for command in self._commands:
            was_dark = {symbol: dark[symbol] for symbol, _ in command.phases}
            phases += _enter(command, dark)
            turned_now = [symbol for symbol, before in was_dark.items() if dark[symbol] != before]
            told += _turned(command, [each for each in turned_now if dark[each]], sizes, shown=False)
            for key, (quantity, orders) in command.changes.items():
                before = sizes.get(key, EMPTY)
                now = sizes[key] = (before[0] + quantity, before[1] + orders)
                touched[key] = None
                assert (now[0] > 0) == (now[1] > 0), key
                if now != before and not dark[key[0]] and key[0] not in turned_now:
                    told.append(_row(command, key, now))
            told += _turned(command, [each for each in turned_now if not dark[each]], sizes, shown=True)
        set_rows(connection, tables.levels, [_level(key, sizes[key]) for key in touched])
        add_rows(connection, tables.level_changes, told)
        add_rows(connection, tables.phase_changes, phases)

    def _symbols(self) -> list[str]:
        changed = (key[0] for command in self._commands for key in command.changes)
        phased = (symbol for command in self._commands for symbol, _ in command.phases)
        return list(dict.fromkeys([*changed, *phased]))

    def _change(self, key: Key, quantity: int, orders: int) -> None:
        change = self._changes.get(key)
        if change is None:
            self._changes[key] = [quantity, orders]
        else:
            change[0] += quantity
            change[1] += orders


def _enter(command: _Command, dark: dict[str, bool]) -> Iterable[Row]:
    """The phases of a command, and whether the book is dark from then on."""
    positions: dict[str, int] = {}
    for symbol, phase in command.phases:
        if phase is None:
            dark[symbol] = False
            continue
        if phase == "auction":
            dark[symbol] = True
        elif phase != "halted":
            # An auction that is halted stays dark until it has uncrossed, or goes on with nothing to uncross.
            dark[symbol] = False
        position = positions[symbol] = positions.get(symbol, 0) + 1
        yield {
            "symbol": symbol,
            "sequence": command.sequence,
            "position": position,
            "phase": phase,
            "dark": dark[symbol],
            "time_ns": command.time_ns,
        }


def _turned(command: _Command, symbols: list[str], sizes: Mapping[Key, Size], *, shown: bool) -> Iterable[Row]:
    """Every level of books that are shown from now on, or are not."""
    if symbols:
        for key, size in sizes.items():
            if size[1] and key[0] in symbols:
                yield _row(command, key, size if shown else EMPTY)


def _row(command: _Command, key: Key, size: Size) -> Row:
    return _level(key, size) | {"sequence": command.sequence, "time_ns": command.time_ns}


def _level(key: Key, size: Size) -> Row:
    return {"symbol": key[0], "side": key[1], "price": key[2], "quantity": size[0], "orders": size[1]}


_LEVELS: Final = "SELECT symbol, side, price, quantity, orders FROM levels WHERE"
_NAMED: Final = {
    "sqlite": f"{_LEVELS} (symbol, side, price) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), "
    "json_extract(value, '$[2]') FROM json_each(?))",
    "postgresql": f"{_LEVELS} (symbol, side, price) IN (SELECT value ->> 0, value ->> 1, (value ->> 2)::bigint "
    "FROM json_array_elements(%s::json))",
}


def _sizes(connection: Connection, keys: Mapping[Key, None]) -> dict[Key, Size]:
    """What stands at these levels, as far as there ever was something; all in one statement."""
    if not keys:
        return {}
    named = encode(list(keys)).decode()
    found = connection.exec_driver_sql(_NAMED[connection.dialect.name], (named,))
    return {(symbol, side, price): (quantity, orders) for symbol, side, price, quantity, orders in found}


def _standing(connection: Connection, symbols: Iterable[str]) -> dict[Key, Size]:
    """Every level at which something stands."""
    found: dict[Key, Size] = {}
    mark = _mark(connection)
    for named in dict.fromkeys(symbols):
        rows = connection.exec_driver_sql(f"{_LEVELS} symbol = {mark} AND quantity > 0", (named,))
        found |= {(symbol, side, price): (quantity, orders) for symbol, side, price, quantity, orders in rows}
    return found


_LAST_DARK: Final = (
    "SELECT symbol, (SELECT dark FROM phase_changes WHERE phase_changes.symbol = instruments.symbol "
    "ORDER BY sequence DESC, position DESC LIMIT 1) FROM instruments WHERE symbol"
)


def _dark(connection: Connection, symbols: list[str]) -> dict[str, bool]:
    """Which books are not shown, as their last change of phase has left it. O(symbols · log changes)."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(f"{_LAST_DARK} = ANY(%s)", (symbols,))
    else:
        among = encode(symbols).decode()
        found = connection.exec_driver_sql(f"{_LAST_DARK} IN (SELECT value FROM json_each(?))", (among,))
    dark = {symbol: bool(last) for symbol, last in found}
    return {symbol: dark.get(symbol, False) for symbol in symbols}


def _mark(connection: Connection) -> str:
    return "?" if connection.dialect.name == "sqlite" else "%s"
