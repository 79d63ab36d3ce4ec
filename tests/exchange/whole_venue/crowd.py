"""The crowd: what people at the venue do next, by chance, mostly what makes sense, sometimes what does not.

Each subject is a group of deeds (`Deed`) that look at what the auditor knows and answer with a command, or with None
where there is nothing to do. A seed gives each group a weight of its own, so that some runs are all trade and others
all quarrels: what two rare things do together is found where others are left out.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar, get_args

from msgspec import ValidationError
from msgspec.structs import replace

from exchange.engine import Engine
from exchange.protocol import Command, decode_commands, encode
from matching.messages import AdvanceTime
from settlement.civil import day_number, day_start_ns, iso_date, venue_day
from settlement.messages import Receipt
from tests.exchange.whole_venue.auditor import Auditor

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

OPERATORS = (1, 2, 3)
STOREKEEPERS = (4, 5)
TRADERS = (6, 7, 8, 9)
NOBODY = 99
"""Who is registered by the prologue; 3 trades too, 4 too, and 9 owes certificates."""

MODES = {
    ("1", "SX1"): "continuous",
    ("1", "SX2"): "call_auction",
    ("2", "SX1"): "listing",
    ("2", "SX2"): "negotiated",
    ("E", "SX1"): "one_way_auction",
    ("E", "SX2"): "listing",
}
"""How the crowd's operators define instruments, by grade and warehouse."""

THEMES: dict[str, tuple[str, ...]] = {
    "everything": (),
    "contracts": ("listings", "auctions", "agreed", "contracts", "decisions", "gate", "cash"),
    "deliveries": ("orders out", "gate", "failures", "contracts", "listings", "storage"),
    "goods": ("intake", "custody", "stock", "climate", "book", "listings"),
    "money": ("cash", "withdrawals", "bank", "vouchers", "book", "busts"),
}
"""What a story is mostly about: groups of deeds that are done three times as often."""

COMMANDS = get_args(Command)

T = TypeVar("T")

Deed = Callable[[], Any]


class Group(NamedTuple):
    """Deeds of one subject with their weights."""

    name: str
    deeds: Sequence[tuple[float, Deed]]


class Chance:
    """The dice, and what everybody in the crowd knows."""

    def __init__(self, seed: int, books: Auditor) -> None:
        self.random = Random(seed)
        self.books = books
        self.engine: Engine
        """The one that the story goes on with; it is changed by a restart."""
        self.now_ns = 0
        self._count = 0

    def one(self, found: Sequence[T]) -> T | None:
        return self.random.choice(found) if found else None

    def pick(self, *choices: T) -> T:
        return self.random.choice(choices)

    def likely(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def between(self, least: int, most: int) -> int:
        return self.random.randint(least, max(least, most))

    def name(self, kind: str) -> str:
        """A text that nobody has used, or now and then one that somebody may have."""
        self._count += 1
        return f"{kind}-{self.between(1, self._count) if self.likely(3) else self._count}"

    def operator(self) -> int:
        return self.pick(*OPERATORS)

    def another_operator(self, operator_id: int | None) -> int:
        """Mostly not that one."""
        others = [each for each in OPERATORS if each != operator_id]
        return self.operator() if self.likely(10) else self.pick(*others)

    def storekeeper(self) -> int:
        return self.pick(*STOREKEEPERS)

    def trader(self) -> int:
        return self.pick(*TRADERS, *TRADERS, 3, 4)

    def receipt(self, *states: str) -> Receipt | None:
        """A live receipt in one of these states."""
        return self.one([each for each in self.books.store.receipts.values() if each.state in states])

    def today(self) -> int:
        return venue_day(self.now_ns)

    def date(self, days_ago: int = 0) -> str:
        return iso_date(self.today() - days_ago)

    def mode_of(self, symbol: str) -> str | None:
        instrument = self.engine.market.instrument(symbol)
        return None if instrument is None else instrument.mode

    def open(self, symbol: str) -> bool:
        """Whether there is business in it now."""
        instrument = self.engine.market.instrument(symbol)
        return instrument is not None and instrument.phase in ("continuous", "auction")

    def symbol(self, *modes: str) -> str | None:
        """An instrument of one of these modes, mostly one that is open and of which there are goods."""
        found = [symbol for symbol in self.engine.market.symbols() if self.mode_of(symbol) in modes]
        if self.likely(5):
            return self.one(found)
        stocked = {receipt.symbol: None for receipt in self.books.store.receipts.values() if receipt.state == "issued"}
        return self.one([symbol for symbol in found if symbol in stocked and self.open(symbol)])


class Crowd:
    """Draws the next command and its time."""

    def __init__(self, chance: Chance, groups: Sequence[Group]) -> None:
        self.chance = chance
        self._deeds: list[Deed] = []
        self._weights: list[float] = []
        theme = THEMES[chance.pick("everything", "contracts", "contracts", "deliveries", "goods", "money")]
        for group in groups:
            factor = 3.0 if group.name in theme else chance.pick(0.1, 0.5, 1.0, 1.0, 2.0)
            for weight, deed in group.deeds:
                self._deeds.append(deed)
                self._weights.append(weight * factor)
        self._hurry = chance.pick(0.5, 1.0, 1.0, 2.0)
        self._sent: list[Any] = []

    def next(self) -> tuple[Any, int]:
        """A command, and the time that it is stamped with."""
        chance = self.chance
        if chance.random.random() < 0.16 * self._hurry:
            time_ns = self._later()
            chance.now_ns = time_ns
            if chance.likely(70):
                return AdvanceTime(time_ns), time_ns
        command = self._draw()
        self._sent.append(command)
        return command, chance.now_ns

    def _draw(self) -> Any:
        chance = self.chance
        if self._sent and chance.likely(2):
            return chance.one(self._sent[-40:])
        while True:
            (deed,) = chance.random.choices(self._deeds, self._weights)
            command = deed()
            if command is None:
                continue
            if chance.likely(7):
                command = self._spoil(command)
            try:
                (command,) = decode_commands(encode((command,)))
            except ValidationError:
                continue
            return command

    def _later(self) -> int:
        """Seconds to weeks, or just what is due."""
        chance = self.chance
        now_ns = chance.now_ns
        drawn = chance.random.random()
        if drawn < 0.25:
            return now_ns + chance.between(1, 90) * SECOND_NS
        if drawn < 0.50:
            return now_ns + chance.between(2, 59) * MINUTE_NS
        due_ns = chance.engine.next_deadline_ns()
        if drawn < 0.70 and due_ns is not None and (due_ns < now_ns + 2 * DAY_NS or chance.likely(4)):
            return max(now_ns, due_ns - chance.pick(0, 0, 0, 1))
        if drawn < 0.92:
            return now_ns + chance.between(1, 6) * HOUR_NS
        if drawn < 0.985:
            return day_start_ns(chance.today() + 1) + chance.between(0, 18) * HOUR_NS
        if drawn < 0.998:
            return now_ns + chance.between(1, 4) * DAY_NS
        return now_ns + chance.between(7, 35) * DAY_NS

    def _spoil(self, command: Any) -> Any:
        """The same with one thing wrong, or merely different."""
        chance = self.chance
        fields = [name for name in command.__struct_fields__ if getattr(command, name) is not None]
        name = chance.one(fields)
        if name is None:
            return command
        value = getattr(command, name)
        wrong: Any = value
        if name.endswith("_id") and isinstance(value, int):
            wrong = chance.pick(1, 3, 4, 6, 7, 8, NOBODY, value + 1, max(1, value - 1), 2 * value)
        elif isinstance(value, bool):
            wrong = not value
        elif isinstance(value, int):
            wrong = chance.pick(0, 1, -1, value + 1, value - 1, 10 * value, value // 2, 2**53 - 1)
        elif isinstance(value, str):
            wrong = chance.pick("", "SX9", "1", "nothing", "sell", "buy", value[:-1], value + "1")
            if day_number(value) is not None:
                wrong = chance.pick("2026-02-30", chance.date(-1), chance.date(400), chance.date())
        elif isinstance(value, tuple) and value:
            wrong = chance.pick((), value[:-1], (*value, value[-1]), value[::-1])
        return replace(command, **{name: wrong})
