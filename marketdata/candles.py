"""Candles of one instrument: open, high, low, close and volume by minute, quarter of an hour, hour, day and week.

Days and weeks are those of Asia/Shanghai, which has been UTC+8 without summer time since 1991; a week begins on
Monday. An interval in which nothing traded has no candle.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from marketdata.messages import INTERVALS, CandleRow, Interval

KEPT: Final = 500
"""Candles kept of each interval."""

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
SHANGHAI_NS: Final = 8 * 3_600 * SECOND_NS

# 1970-01-01 was a Thursday: weeks are counted from the Monday before it.
_MONDAY_NS: Final = 3 * DAY_NS

LENGTH_NS: Final[dict[Interval, int]] = {
    "1m": 60 * SECOND_NS,
    "5m": 300 * SECOND_NS,
    "15m": 900 * SECOND_NS,
    "1h": 3_600 * SECOND_NS,
    "1d": DAY_NS,
    "1w": 7 * DAY_NS,
}
_PARTS: Final[dict[Interval, Interval]] = {"15m": "5m", "1h": "15m", "1d": "1h", "1w": "1d"}
"""What a candle is made of: whole candles of the next shorter interval, the shortest of trades."""

_SHIFT_NS: Final[dict[Interval, int]] = {
    "1m": 0,
    "5m": 0,
    "15m": 0,
    "1h": 0,
    "1d": SHANGHAI_NS,
    "1w": SHANGHAI_NS + _MONDAY_NS,
}


def start_of(interval: Interval, time_ns: int) -> int:
    """When the candle began that this moment falls in."""
    length, shift = LENGTH_NS[interval], _SHIFT_NS[interval]
    return (time_ns + shift) // length * length - shift


def trading_day(time_ns: int) -> int:
    """Days since 1970-01-01 in Asia/Shanghai."""
    return (time_ns + SHANGHAI_NS) // DAY_NS


class Candles:
    """The last `KEPT` candles of every interval, ascending. Trades come in the order of time."""

    __slots__ = ("_series",)

    def __init__(self) -> None:
        self._series: dict[Interval, deque[CandleRow]] = {interval: deque(maxlen=KEPT) for interval in INTERVALS}

    def add(self, time_ns: int, price: int, quantity: int) -> None:
        """Count a trade in. O(intervals)."""
        for interval, series in self._series.items():
            start = start_of(interval, time_ns)
            if series and series[-1][0] == start and series[-1][5]:
                _, opened, high, low, _, volume = series[-1]
                series[-1] = (start, opened, max(high, price), min(low, price), price, volume + quantity)
            else:
                if series and series[-1][0] == start:
                    series.pop()
                series.append((start, price, price, price, price, quantity))

    def take_out(self, time_ns: int, quantity: int, near: Sequence[tuple[int, int, int]] | None) -> None:
        """Count a trade out again. `near` is what else traded in its five minutes, `(time, price, quantity)` in order,
        if known.

        The prices of each candle are then those of its parts. Where these are not kept any more it keeps its prices and
        loses only the volume. A candle that is left with nothing has volume 0 and the close before. O(kept).
        """
        for interval, series in self._series.items():
            start_ns = start_of(interval, time_ns)
            at = next((at for at in range(len(series) - 1, -1, -1) if series[at][0] == start_ns), None)
            if at is None:
                continue
            _, opened, high, low, closed, volume = series[at]
            volume -= quantity
            if volume <= 0:
                before = series[at - 1][4] if at else opened
                series[at] = (start_ns, before, before, before, before, 0)
                continue
            parts = self._parts(interval, start_ns, near)
            if parts is not None:
                opened, closed = parts[0][0], parts[-1][3]
                high, low = max(part[1] for part in parts), min(part[2] for part in parts)
            series[at] = (start_ns, opened, high, low, closed, volume)

    def _parts(
        self, interval: Interval, start_ns: int, near: Sequence[tuple[int, int, int]] | None
    ) -> list[tuple[int, int, int, int]] | None:
        """(open, high, low, close) of what a candle is made of, or None where that is not all kept.

        Candles of one and five minutes are made of trades, since minutes are kept for a few hours only.
        """
        end_ns = start_ns + LENGTH_NS[interval]
        shorter = _PARTS.get(interval)
        if shorter is None:
            if near is None:
                return None
            return [(price, price, price, price) for time_ns, price, _ in near if start_ns <= time_ns < end_ns] or None
        parts = self._series[shorter]
        if len(parts) == KEPT and parts[0][0] > start_ns:
            return None
        return [row[1:5] for row in parts if start_ns <= row[0] < end_ns and row[5]] or None

    def last_close(self, interval: Interval, before_ns: int | None = None) -> int | None:
        """The last price that traded in the kept candles, or in those that began before a moment. O(kept)."""
        for start_ns, _, _, _, closed, volume in reversed(self._series[interval]):
            if volume and (before_ns is None or start_ns < before_ns):
                return closed
        return None

    def row(self, interval: Interval, time_ns: int) -> CandleRow | None:
        """The candle that this moment falls in. O(kept)."""
        start_ns = start_of(interval, time_ns)
        return next((row for row in reversed(self._series[interval]) if row[0] == start_ns), None)

    def load(self, interval: Interval, rows: Iterable[CandleRow]) -> None:
        """Put earlier candles, ascending, in place of what is there."""
        self._series[interval] = deque(rows, maxlen=KEPT)

    def rows(self, interval: Interval) -> list[CandleRow]:
        """All that are kept. O(kept)."""
        return list(self._series[interval])

    def since(self, interval: Interval, start_ns: int) -> list[CandleRow]:
        """Those that began at `start_ns` or later. O(their number)."""
        rows: list[CandleRow] = []
        for row in reversed(self._series[interval]):
            if row[0] < start_ns:
                break
            rows.append(row)
        rows.reverse()
        return rows

    def check(self) -> None:
        for interval, series in self._series.items():
            before = None
            for start, opened, high, low, closed, volume in series:
                assert start == start_of(interval, start)
                assert before is None or before < start
                assert low <= min(opened, closed)
                assert high >= max(opened, closed)
                assert volume > 0 or opened == high == low == closed
                before = start
