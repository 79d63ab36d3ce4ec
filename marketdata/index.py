"""The Suixi banana index 遂溪香蕉指数: one price a variety and trading day, and one value for all of them.

    variety   a day's turnover over its volume, in hundredths of a fen per kilogram        SXBI-BXJ, SXBI-FJ …
    overall   chain-linked Laspeyres of the varieties, base 1000.00, in hundredths of a point              SXBI

A trading day is a day of Asia/Shanghai on which something traded, taken back or not. A day on which too little of a
variety traded is joined with the days before it, newest first; where that is too little still, the last price is
carried forward. `docs/index.md` tells the method to people, with an example that a test reckons.

All is integers, each rounded once, halves up, and made of figures that are published too: anybody can reckon the index
from the trades, or today's value from yesterday's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from msgspec import Struct

from marketdata.candles import DAY_NS, SHANGHAI_NS, trading_day

OVERALL: Final = "SXBI"

BASE: Final = 100_000
"""The overall value on the first day that has a price: 1000.00 points."""

Sum = tuple[int, int, int]
"""Kilograms, fen, number of trades."""

Constituent = tuple[str, int, int]
"""An index code or a symbol, its weight in kilograms, its price in hundredths of a fen per kilogram."""

NOTHING: Final[Sum] = (0, 0, 0)

_EPOCH = date(1970, 1, 1).toordinal()


class IndexRules(NamedTuple):
    """What makes a day thin, how far back it may be mended, and from how many days weights are taken."""

    thin_volume: int = 5_000
    """A day with fewer kilograms of a variety is thin,"""
    thin_trades: int = 5
    """and so is one with fewer trades."""
    joined_days: int = 5
    """Trading days before a thin one that may be joined to it."""
    weight_days: int = 20
    """Trading days before a day whose volumes are its weights."""

    @property
    def reach(self) -> int:
        """Trading days before a day that its values may depend on, beside the values of the day before."""
        return max(self.joined_days, self.weight_days)


RULES: Final = IndexRules()


class TradingDay:
    """What traded on one day, by symbol and by variety."""

    __slots__ = ("_varieties", "day", "symbols")

    def __init__(self, day: int, symbols: Mapping[str, Sum] | None = None) -> None:
        """`day` is counted from 1970-01-01; `symbols` has what traded, without what was taken back."""
        self.day = day
        self.symbols: dict[str, Sum] = dict(symbols or {})
        self._varieties: dict[str, Sum] | None = None

    def add(self, symbol: str, volume: int, turnover_fen: int, trades: int) -> None:
        """Count something in, or out where negative. O(1)."""
        had = self.symbols.get(symbol, NOTHING)
        self.symbols[symbol] = (had[0] + volume, had[1] + turnover_fen, had[2] + trades)
        self._varieties = None

    @property
    def varieties(self) -> dict[str, Sum]:
        """What traded by variety. O(symbols) after a change."""
        if self._varieties is None:
            self._varieties = {}
            for symbol, (volume, turnover_fen, trades) in self.symbols.items():
                variety = variety_of(symbol)
                had = self._varieties.get(variety, NOTHING)
                self._varieties[variety] = (had[0] + volume, had[1] + turnover_fen, had[2] + trades)
        return self._varieties


class Quote(Struct, frozen=True, array_like=True):
    """A variety's price on one day: of that day and the `joined` ones before it, or `carried` from the day before."""

    price: int
    joined: int
    carried: bool


class Reading(Struct, frozen=True, array_like=True):
    """What the index says of one trading day.

    `value` is null until some variety has a price. `carried`: nothing that has a weight has a price of its own that
    day. `weights` are kilograms by variety, for those that were in the chain; both dictionaries ascend.
    """

    day: int
    value: int | None
    carried: bool
    weights: dict[str, int]
    quotes: dict[str, Quote]


class Entry(Struct, frozen=True):
    """One code on one day, as it is told. `value` is hundredths of a point for `SXBI`, of a fen per kilogram else."""

    code: str
    day: int
    value: int
    carried: bool
    constituents: list[Constituent]


def code_of(variety: str) -> str:
    return f"{OVERALL}-{variety}"


def variety_of(symbol: str) -> str:
    """The first part of a symbol, as `BXJ` of `BXJ-1-SX1-26W47`."""
    return symbol.partition("-")[0]


def date_of(day: int) -> str:
    """ISO text of a day counted from 1970-01-01."""
    return date.fromordinal(_EPOCH + day).isoformat()


def reckon(days: Sequence[TradingDay], before: Reading | None, rules: IndexRules = RULES) -> Reading:
    """The index of the last of these trading days, which ascend; `before` is the reading of the one before it.

    Of the days before it at least `rules.reach` are needed, or all there are. O(days × varieties).
    """
    today = days[-1]
    known = {} if before is None else before.quotes
    quotes: dict[str, Quote] = {}
    for variety in sorted(today.varieties.keys() | known.keys() | _recent(days, rules)):
        quote = _quote(days, variety, known.get(variety), rules)
        if quote is not None:
            quotes[variety] = quote
    if before is None or before.value is None:
        return Reading(today.day, BASE if quotes else None, False, {}, quotes)
    weights: dict[str, int] = {}
    now = then = 0
    for variety, quote in known.items():
        weight = sum(day.varieties.get(variety, NOTHING)[0] for day in days[-1 - rules.weight_days : -1])
        if weight:
            weights[variety] = weight
            now += weight * quotes[variety].price
            then += weight * quote.price
    if not then:
        return Reading(today.day, before.value, True, weights, quotes)
    carried = all(quotes[variety].carried for variety in weights)
    return Reading(today.day, _rounded(before.value * now, then), carried, weights, quotes)


def readings(days: Iterable[TradingDay], rules: IndexRules = RULES) -> Iterator[Reading]:
    """The index of every trading day from the first on, ascending. O(days² in `rules.reach`)."""
    kept: list[TradingDay] = []
    reading: Reading | None = None
    for day in days:
        kept.append(day)
        del kept[: -1 - rules.reach]
        reading = reckon(kept, reading, rules)
        yield reading


def entries(days: Sequence[TradingDay], reading: Reading) -> list[Entry]:
    """The day's values by code, the overall one first, as far as they have one. `days` are those it was reckoned of.

    The overall value's constituents are the varieties of the chain with their weights; a variety's are the symbols
    that traded on the day and those joined to it; a carried price has none. O(days joined × symbols).
    """
    told: list[Entry] = []
    if reading.value is not None:
        chain = [(code_of(each), weight, reading.quotes[each].price) for each, weight in reading.weights.items()]
        told.append(Entry(OVERALL, reading.day, reading.value, reading.carried, chain))
    for variety, quote in reading.quotes.items():
        told.append(
            Entry(code_of(variety), reading.day, quote.price, quote.carried, _constituents(days, variety, quote))
        )
    return told


class BananaIndex:
    """The index of a market as it trades: trades come in the order of time, and may be taken back within a day.

    Sums are kept as they come; values are reckoned when somebody asks. Days that have ended are final but for trades
    that are taken back.
    """

    __slots__ = ("_ends_ns", "_fresh", "_readings", "_shortened", "days", "rules")

    def __init__(self, rules: IndexRules = RULES) -> None:
        self.rules = rules
        self.days: list[TradingDay] = []
        """The last trading days, ascending: as many as it takes to reckon the last two again, which is as far back as
        a trade can be taken back.
        """
        self._readings: list[Reading] = []
        self._fresh = 0
        """How many of the readings, from the first, are true."""
        self._shortened = False
        self._ends_ns = 0
        """When the last of the days ends."""

    def add(self, symbol: str, time_ns: int, price: int, quantity: int) -> None:
        """Count a trade in. O(1); O(days × varieties) once a day."""
        if time_ns >= self._ends_ns:
            self._begin(trading_day(time_ns))
        days = self.days
        days[-1].add(symbol, quantity, price * quantity, 1)
        if self._fresh == len(days):
            self._fresh -= 1

    def take_out(self, symbol: str, time_ns: int, price: int, quantity: int) -> None:
        """Count a trade of the last two trading days out again. O(days)."""
        day = trading_day(time_ns)
        for at, kept in enumerate(self.days):
            if kept.day == day:
                kept.add(symbol, -quantity, -price * quantity, -1)
                # What is older than what can be reckoned again stays as it was told.
                self._fresh = min(self._fresh, max(at, self.rules.reach) if self._shortened else at)

    def last(self, count: int = 1) -> list[tuple[Sequence[TradingDay], Reading]]:
        """The readings of the last days, ascending, each with the days that it was reckoned of. O(1) where nothing
        has changed."""
        self._reckon()
        length = len(self.days)
        return [
            (self.days[max(0, at - self.rules.reach) : at + 1], self._readings[at])
            for at in range(max(0, length - count), length)
        ]

    def state(self) -> "IndexState":
        """O(days × symbols)."""
        self._reckon()
        return IndexState(
            [(day.day, dict(sorted(day.symbols.items()))) for day in self.days], list(self._readings), self._shortened
        )

    @classmethod
    def restored(cls, state: "IndexState") -> "BananaIndex":
        """The index that `state` was taken of. Raises ValueError where it does not fit together."""
        if len(state.days) != len(state.readings):
            raise ValueError("an index with a reading for each day")
        index = cls()
        index.days = [TradingDay(day, symbols) for day, symbols in state.days]
        index._readings = list(state.readings)
        index._fresh = len(index._readings)
        index._shortened = state.shortened
        if index.days:
            index._ends_ns = _end_ns(index.days[-1].day)
        return index

    def _begin(self, day: int) -> None:
        self._reckon()
        self._ends_ns = _end_ns(day)
        self.days.append(TradingDay(day))
        if len(self.days) > self.rules.reach + 2:
            del self.days[0]
            del self._readings[0]
            self._fresh -= 1
            self._shortened = True

    def _reckon(self) -> None:
        while self._fresh < len(self.days):
            at = self._fresh
            before = self._readings[at - 1] if at else None
            del self._readings[at:]
            self._readings.append(reckon(self.days[max(0, at - self.rules.reach) : at + 1], before, self.rules))
            self._fresh += 1


class IndexState(Struct, frozen=True, array_like=True):
    """What a `BananaIndex` keeps: sums by symbol and day, and the readings."""

    days: list[tuple[int, dict[str, Sum]]]
    readings: list[Reading]
    shortened: bool


def _end_ns(day: int) -> int:
    return (day + 1) * DAY_NS - SHANGHAI_NS


def _recent(days: Sequence[TradingDay], rules: IndexRules) -> set[str]:
    """Varieties that traded on the days that may be joined."""
    return {variety for day in days[-1 - rules.joined_days : -1] for variety in day.varieties}


def _quote(days: Sequence[TradingDay], variety: str, before: Quote | None, rules: IndexRules) -> Quote | None:
    volume = turnover_fen = trades = 0
    for joined, day in enumerate(reversed(days[-1 - rules.joined_days :])):
        sums = day.varieties.get(variety, NOTHING)
        volume, turnover_fen, trades = volume + sums[0], turnover_fen + sums[1], trades + sums[2]
        if volume >= rules.thin_volume and trades >= rules.thin_trades:
            return Quote(_rounded(100 * turnover_fen, volume), joined, False)
    return None if before is None else Quote(before.price, 0, True)


def _constituents(days: Sequence[TradingDay], variety: str, quote: Quote) -> list[Constituent]:
    if quote.carried:
        return []
    sums: dict[str, Sum] = {}
    for day in days[-1 - quote.joined :]:
        for symbol, (volume, turnover_fen, trades) in day.symbols.items():
            if volume and variety_of(symbol) == variety:
                had = sums.get(symbol, NOTHING)
                sums[symbol] = (had[0] + volume, had[1] + turnover_fen, had[2] + trades)
    return [
        (symbol, volume, _rounded(100 * turnover_fen, volume))
        for symbol, (volume, turnover_fen, _) in sorted(sums.items())
    ]


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest integer, halves up; both are positive."""
    return (2 * numerator + denominator) // (2 * denominator)
