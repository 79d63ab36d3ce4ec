"""What was traded on each day, added up: settled trades come in, busts take out. `Trading` hears of both and tells.

Whose goods came from where is looked up among the rows of receipts and lots, which are written first: a receipt never
changes its lot, nor a lot its town, so a bust finds what the trade had found.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table, and_, bindparam, delete, update

from settlement import tables
from settlement.civil import venue_day
from settlement.messages import TradeSettled
from settlement.projection.rows import MAXIMUM_SUM, Row, sum_rows
from settlement.symbols import SymbolParts, parse_symbol

SUMS: Final = ("volume", "turnover_fen", "trades")

VALUES_AT_ONCE: Final = 900
"""SQLite before 3.32 took 999 in one statement."""

Key = tuple[Any, ...]
Sums = list[int]

_TOWNS: Final = "SELECT receipts.receipt_id, lots.town FROM receipts JOIN lots ON lots.lot_id = receipts.lot_id WHERE "


class DailyTrading:
    """The trades of one call of `project`, each with the day on which it was made."""

    def __init__(self) -> None:
        self._trades: list[tuple[int, TradeSettled]] = []
        self._busted: list[tuple[int, TradeSettled]] = []

    def count(self, trade: TradeSettled, time_ns: int) -> None:
        self._trades.append((venue_day(time_ns), trade))

    def take_out(self, trade: TradeSettled, traded_ns: int) -> None:
        self._busted.append((venue_day(traded_ns), trade))

    def write(self, connection: Connection) -> None:
        """O(trades), two statements and one question more where there were any."""
        if not self._trades and not self._busted:
            return
        towns = _towns(connection, (trade for _, trade in [*self._trades, *self._busted]))
        for table, sums in _added(self._trades, towns):
            sum_rows(connection, table, _rows(table, sums), SUMS)
        if self._busted:
            for table, sums in _added(self._busted, towns):
                _subtract(connection, table, _rows(table, sums))


def _added(
    trades: Iterable[tuple[int, TradeSettled]], towns: Mapping[int, str]
) -> Sequence[tuple[Table, dict[Key, Sums]]]:
    """What these trades come to, by the keys of both tables."""
    trading: dict[Key, Sums] = {}
    totals: dict[Key, Sums] = {}
    for day, trade in trades:
        parts = _parts(trade.symbol)
        _add(totals, (day, *parts), trade.quantity, trade.amount_fen, 1)
        shares = _shares(trade, towns)
        most = max(shares, key=lambda town: shares[town])
        for town, kilograms in shares.items():
            key = (day, *parts, town, trade.seller_id, trade.buyer_id)
            _add(trading, key, kilograms, kilograms * trade.price, 1 if town == most else 0)
    return (tables.daily_trading, trading), (tables.daily_totals, totals)


def _shares(trade: TradeSettled, towns: Mapping[int, str]) -> dict[str, int]:
    """The kilograms of each town, in the order of delivery."""
    if len(trade.lots) == 1:
        return {towns.get(trade.lots[0][0], ""): trade.quantity}
    shares: dict[str, int] = {}
    for receipt_id, _, kilograms in trade.lots:
        town = towns.get(receipt_id, "")
        shares[town] = shares.get(town, 0) + kilograms
    return shares or {"": trade.quantity}


def _add(sums: dict[Key, Sums], key: Key, volume: int, turnover_fen: int, trades: int) -> None:
    found = sums.get(key)
    if found is None:
        sums[key] = [volume, turnover_fen, trades]
        return
    found[0] += volume
    found[1] += turnover_fen
    found[2] += trades


def _rows(table: Table, sums: Mapping[Key, Sums]) -> list[Row]:
    names = _keys(table)
    return [
        {
            **dict(zip(names, key, strict=True)),
            "volume": min(volume, MAXIMUM_SUM),
            "turnover_fen": min(turnover_fen, MAXIMUM_SUM),
            "trades": trades,
        }
        for key, (volume, turnover_fen, trades) in sums.items()
    ]


def _towns(connection: Connection, trades: Iterable[TradeSettled]) -> dict[int, str]:
    """Where the goods of the sellers' receipts came from. O(receipts)."""
    receipts = list(dict.fromkeys(receipt_id for trade in trades for receipt_id, _, _ in trade.lots))
    if connection.dialect.name == "postgresql":
        return _pairs(connection.exec_driver_sql(f"{_TOWNS} receipts.receipt_id = ANY(%s)", (receipts,)))
    towns: dict[int, str] = {}
    for at in range(0, len(receipts), VALUES_AT_ONCE):
        part = receipts[at : at + VALUES_AT_ONCE]
        among = f"receipts.receipt_id IN ({', '.join('?' * len(part))})"
        towns |= _pairs(connection.exec_driver_sql(f"{_TOWNS} {among}", tuple(part)))
    return towns


def _pairs(rows: Iterable[Any]) -> dict[int, str]:
    return {row[0]: row[1] for row in rows}


def _subtract(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """A row that is not there is not made: then fewer rows are changed than were to be, which is a fault."""
    for row in rows:
        changed = connection.execute(_take(table), {f"of_{name}": value for name, value in row.items()})
        assert changed.rowcount == 1, "what is taken out was counted"
    connection.execute(_clear(table), [{"of_day": day} for day in sorted({row["day"] for row in rows})])


@cache
def _take(table: Table) -> Executable:
    this = and_(*(table.c[name] == bindparam(f"of_{name}") for name in _keys(table)))
    return update(table).where(this).values({name: table.c[name] - bindparam(f"of_{name}") for name in SUMS})


@cache
def _clear(table: Table) -> Executable:
    return delete(table).where(table.c.day == bindparam("of_day"), table.c.volume == 0)


@cache
def _keys(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


@cache
def _parts(symbol: str) -> tuple[str, str, str]:
    """Variety, grade and warehouse; what is no symbol of goods stands for a variety of its own."""
    parts = parse_symbol(symbol) or SymbolParts(symbol, "", "", "")
    return parts.variety, parts.grade, parts.warehouse
