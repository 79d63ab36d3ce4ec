"""The part of the reckoning that is about what was traded on each day, by whom and whence, and in all.

A day is complete when the next one is over as well: by then no trade of it can be taken back. It is compared then and
forgotten, so that memory follows two days of trading.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Table

from exchange.reckoning_of_stores import Row, Rows
from settlement import messages, tables
from settlement.civil import DAY_NS, VENUE_OFFSET_NS
from settlement.messages.receipts import ENDED_STATES

Sums = list[int]


class DailyTrading:
    def __init__(self, rows: Callable[[Table], Rows]) -> None:
        self._trading: Final = rows(tables.daily_trading)
        self._totals: Final = rows(tables.daily_totals)
        self._days: dict[int, tuple[dict[tuple[Any, ...], Sums], dict[tuple[Any, ...], Sums]]] = {}
        self._town_of_lot: dict[int, str] = {}
        self._lot_of_receipt: dict[int, int] = {}
        self._shares: dict[int, tuple[int, dict[str, int]]] = {}
        """The day and the towns of each trade that may still be taken back, in the order of trades."""
        self._gone: list[int] = []
        self._sequence = 0

    def take(self, event: Any, stamp: Row) -> None:
        """What is none of these leaves no row here."""
        match event:
            case messages.ReceiptChanged():
                receipt = event.receipt
                self._forget(stamp["sequence"])
                self._lot_of_receipt[receipt.receipt_id] = receipt.lot_id
                if receipt.state in ENDED_STATES:
                    self._gone.append(receipt.receipt_id)  # a trade of the same command may still name it
            case messages.LotChanged():
                self._town_of_lot[event.lot.lot_id] = event.lot.town
            case messages.TradeSettled():
                day = (stamp["time_ns"] + VENUE_OFFSET_NS) // DAY_NS
                towns: dict[str, int] = {}
                for receipt_id, _, kilograms in event.lots:
                    town = self._town_of_lot[self._lot_of_receipt[receipt_id]]
                    towns[town] = towns.get(town, 0) + kilograms
                self._close_days(day - 1)
                self._shares[event.trade_id] = (day, towns)
                self._count(event, day, towns, 1)
            case messages.TradeBusted():
                day, towns = self._shares[event.trade.trade_id]
                self._count(event.trade, day, towns, -1)

    def _forget(self, sequence: int) -> None:
        if sequence != self._sequence:
            for receipt_id in self._gone:
                self._lot_of_receipt.pop(receipt_id, None)
            self._gone.clear()
            self._sequence = sequence

    def _count(self, trade: messages.TradeSettled, day: int, towns: dict[str, int], sign: int) -> None:
        trading, totals = self._days.setdefault(day, ({}, {}))
        variety, grade, warehouse, _ = trade.symbol.split("-")
        greatest = max(towns.values())
        for town, kilograms in towns.items():
            is_most = kilograms == greatest
            if is_most:
                greatest = -1  # of equals the first
            key = (day, variety, grade, warehouse, town, trade.seller_id, trade.buyer_id)
            _add(trading, key, sign * kilograms, sign * kilograms * trade.price, sign * is_most)
        _add(totals, (day, variety, grade, warehouse), sign * trade.quantity, sign * trade.amount_fen, sign)

    def _close_days(self, before: int) -> None:
        for day in [day for day in self._days if day < before]:
            for rows, sums in zip((self._trading, self._totals), self._days.pop(day), strict=True):
                for row in _rows(rows, sums):
                    rows.put(row, ended=True)
        for trade_id, (day, _) in list(self._shares.items()):
            if day >= before:
                break
            del self._shares[trade_id]

    def close(self) -> int:
        """Compare what is left; how many rows there must be in all."""
        self._close_days(max(self._days, default=0) + 1)
        for rows in (self._trading, self._totals):
            rows.close()
        return self._trading.count + self._totals.count


def _add(sums: dict[tuple[Any, ...], Sums], key: tuple[Any, ...], *figures: int) -> None:
    found = sums.setdefault(key, [0, 0, 0])
    for at, figure in enumerate(figures):
        found[at] += figure


def _rows(rows: Rows, sums: dict[tuple[Any, ...], Sums]) -> list[Row]:
    names = [*rows.key, "volume", "turnover_fen", "trades"]
    return [dict(zip(names, (*key, *figures), strict=True)) for key, figures in sums.items() if figures[0]]
