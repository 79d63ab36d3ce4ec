"""What traded day by day, and the index that is reckoned of it (`marketdata.index`)."""

from sqlalchemy import Connection, delete, select

from marketdata import tables
from marketdata.candles import trading_day
from marketdata.index import OVERALL, RULES, Quote, Reading, Sum, TradingDay, code_of, entries, reckon
from marketdata.messages import TradeBusted
from marketdata.projection.rows import Row, add_rows, set_rows
from marketdata.projection.trades import MAXIMUM_SUM
from matching.messages import TradeExecuted


class IndexDays:
    """Sums here are only what these batches add, or take away."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str], list[int]] = {}

    def add(self, trade: TradeExecuted, time_ns: int) -> None:
        self._count(trading_day(time_ns), trade.symbol, trade.quantity, trade.price * trade.quantity, 1)

    def take_out(self, bust: TradeBusted) -> None:
        self._count(trading_day(bust.traded_ns), bust.symbol, -bust.quantity, -bust.price * bust.quantity, -1)

    def write(self, connection: Connection) -> None:
        """Sums, and the index from the first day on whose sums have changed. O(symbols · days looked back at)."""
        if not self._sums:
            return
        first = min(day for day, _ in self._sums)
        sums = _sums_from(connection, first)
        for (day, symbol), more in self._sums.items():
            had = sums.setdefault(day, {}).get(symbol, (0, 0, 0))
            sums[day][symbol] = (_capped(had[0] + more[0]), _capped(had[1] + more[1]), had[2] + more[2])
        set_rows(connection, tables.symbol_days, [_day_row(*key, sums[key[0]][key[1]]) for key in self._sums])
        days = [TradingDay(day, sums[day]) for day in sorted(sums)]
        reading = _reading_before(connection, days, first)
        rows: list[Row] = []
        for at, trading in enumerate(days):
            if trading.day >= first:
                of = days[max(0, at - RULES.reach) : at + 1]
                reading = reckon(of, reading)
                rows += _index_rows(of, reading)
        connection.execute(delete(tables.index_days).where(tables.index_days.c.day >= first))
        add_rows(connection, tables.index_days, rows)

    def _count(self, day: int, symbol: str, volume: int, turnover_fen: int, trades: int) -> None:
        sums = self._sums.get((day, symbol))
        if sums is None:
            self._sums[day, symbol] = [volume, turnover_fen, trades]
        else:
            sums[0] += volume
            sums[1] += turnover_fen
            sums[2] += trades


def _sums_from(connection: Connection, first: int) -> dict[int, dict[str, Sum]]:
    """By day and symbol, from as many trading days before this one as the index looks back at."""
    table = tables.symbol_days
    before = select(table.c.day).distinct().where(table.c.day < first).order_by(table.c.day.desc()).limit(RULES.reach)
    earliest = min(connection.execute(before).scalars(), default=first)
    sums: dict[int, dict[str, Sum]] = {}
    for day, symbol, *figures in connection.execute(select(table).where(table.c.day >= earliest)):
        sums.setdefault(day, {})[symbol] = (figures[0], figures[1], figures[2])
    return sums


def _reading_before(connection: Connection, days: list[TradingDay], first: int) -> Reading | None:
    """What the index said of the trading day before this one, as far as the next day's depends on it."""
    last = max((each.day for each in days if each.day < first), default=None)
    if last is None:
        return None
    table = tables.index_days
    query = select(table.c.code, table.c.value, table.c.joined, table.c.carried).where(table.c.day == last)
    found = {row.code: row for row in connection.execute(query.order_by(table.c.code))}
    overall = found.pop(OVERALL, None)
    if overall is None:
        return None
    quotes = {code[len(code_of("")) :]: Quote(row.value, row.joined, row.carried) for code, row in found.items()}
    return Reading(last, overall.value, overall.carried, {}, quotes)


def _index_rows(days: list[TradingDay], reading: Reading) -> list[Row]:
    joined = {code_of(variety): quote.joined for variety, quote in reading.quotes.items()}
    return [
        {
            "code": entry.code,
            "day": entry.day,
            "value": _capped(entry.value),
            "carried": entry.carried,
            "joined": joined.get(entry.code, 0),
            "constituents": entry.constituents,
        }
        for entry in entries(days, reading)
    ]


def _day_row(day: int, symbol: str, sums: Sum) -> Row:
    return {"day": day, "symbol": symbol, "volume": sums[0], "turnover_fen": sums[1], "trades": sums[2]}


def _capped(number: int) -> int:
    return min(number, MAXIMUM_SUM)
