"""The figures of an instrument's trading day: open, high, low, volume, turnover, average price."""

from marketdata.candles import DAY_NS, SHANGHAI_NS, Candles, trading_day

DayState = tuple[int | None, ...]
"""The figures in the order of their names."""


class DayStatistics:
    """What traded on one trading day, Asia/Shanghai, and what the day before it closed at.

    Turnover is in fen: fen a kilogram times kilograms. Prices are null until something trades.
    """

    __slots__ = ("day", "high", "last", "low", "open", "previous_close", "turnover_fen", "volume")

    def __init__(self) -> None:
        self.day = 0
        self.last: int | None = None
        self.previous_close: int | None = None
        self.open: int | None = None
        self.high: int | None = None
        self.low: int | None = None
        self.volume = 0
        self.turnover_fen = 0

    def roll(self, time_ns: int) -> bool:
        """Begin a new trading day if this moment is in one; says whether a figure changed by that. O(1)."""
        day = trading_day(time_ns)
        if day <= self.day:
            return False
        self.day = day
        if self.volume == 0:
            return False
        self.previous_close = self.last
        self.open = self.high = self.low = None
        self.volume = self.turnover_fen = 0
        return True

    def add(self, time_ns: int, price: int, quantity: int) -> None:
        """Count a trade in. O(1)."""
        self.roll(time_ns)
        if self.open is None:
            self.open = price
        self.high = price if self.high is None else max(self.high, price)
        self.low = price if self.low is None else min(self.low, price)
        self.last = price
        self.volume += quantity
        self.turnover_fen += price * quantity

    def take_out(self, time_ns: int, price: int, quantity: int, candles: Candles) -> None:
        """Count a trade out again that `candles` have counted out already: prices are theirs. O(candles kept)."""
        self.last = candles.last_close("1m")
        self.previous_close = candles.last_close("1d", self.day * DAY_NS - SHANGHAI_NS)
        if trading_day(time_ns) != self.day:
            return
        self.volume -= quantity
        self.turnover_fen -= price * quantity
        today = candles.row("1d", time_ns)
        self.open = self.high = self.low = None
        if self.volume and today is not None:
            _, self.open, self.high, self.low, _, _ = today

    def state(self) -> DayState:
        return tuple(getattr(self, field) for field in DayStatistics.__slots__)

    def restore(self, state: DayState) -> None:
        """Put back what `state` gave."""
        for field, value in zip(DayStatistics.__slots__, state, strict=True):
            setattr(self, field, value)

    @property
    def vwap(self) -> int | None:
        """Turnover over volume in fen a kilogram, to the nearest, halves up; null while nothing traded."""
        if not self.volume:
            return None
        return (2 * self.turnover_fen + self.volume) // (2 * self.volume)

    def check(self) -> None:
        if self.open is None:
            assert self.volume == self.turnover_fen == 0
            assert self.high is None
            assert self.low is None
            return
        assert self.high is not None
        assert self.low is not None
        assert self.vwap is not None
        assert self.low <= self.vwap <= self.high
        assert self.low <= self.open <= self.high
