"""How fast committed events become rows: the projector on SQLite and on PostgreSQL, beside a bare `executemany`.

    ./dev bench settlement [--commands N] [--rounds N] [--database sqlite|postgresql]

A day of trading is executed by the real engine and journaled; then the journal is projected into an empty database, as
the follower does it: read, decode, settlement's rows, market data's rows, cursor, a transaction each 1,024 commands. A
*settlement event* is one that settlement makes rows of: a report on an order, a settled trade, linked postings, a
balance, a receipt, a lot. Refusals and the steps of matching are not counted.

    settlement   settlement's part alone, decoded events in, committed rows out
    projector    all of it, from the journal's file
    bare         the rows that settlement wrote, ready as tuples, by the driver's `executemany` of one-row statements
                 into the same schema in the same transactions

`to bare` is how many times as fast as bare. Rounds take turns, so that a busy machine slows all alike; the best of each
counts. PostgreSQL is a server of the benchmark's own on this machine. Neither waits for the disk, as the follower opens
both. Exit status 1 where the projector misses the floor.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Engine, Table, event

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import marketdata.projection
import settlement.projection
import settlement.projection.rows
from exchange.database import connect, sqlite_url, upgrade
from exchange.engine import Engine as Venue
from exchange.journal import Record, seal
from exchange.projector import MAXIMUM_COMMANDS, Projector
from exchange.protocol import Entry
from exchange.replay import run_batch
from exchange.sqlite_journal import SqliteJournal
from matching.messages import CancelOrder
from settlement.civil import day_number, day_start_ns
from settlement.messages import (
    AnnounceLot,
    Deposit,
    EnterOrder,
    InspectLot,
    IssueReceipt,
    RegisterParticipant,
    WeighLot,
)
from settlement.projection import SUBJECTS
from settlement.projection.rows import Present, _one_by_one, _values
from settlement.venue import DEFAULT_VENUE
from tests.postgres import postgres

SEED = 20261124
FLOOR, AIM = 5_000, 20_000
BATCH = 128
"""Commands in a row of the journal: what a venue gathers while it commits, under load."""

GROWERS, TRADERS = 30, 70
OPENED_NS = day_start_ns(day_number("2026-11-23") or 0) + 10 * 3_600 * 10**9
HARVESTS = ("2026-11-09", "2026-11-16")
GRADES = ("1", "2")
WAREHOUSES = ("SX1", "SX2")


def opening() -> list[Any]:
    """A venue, its people, their money, and goods in eight instruments."""
    commands: list[Any] = [
        DEFAULT_VENUE,
        RegisterParticipant(name="warehouse", display_name="Warehouse", roles=("warehouse",)),
    ]
    for number in range(2, GROWERS + TRADERS + 2):
        commands += [
            RegisterParticipant(name=f"p{number}", display_name="P", roles=("grower", "trader")),
            Deposit(participant_id=number, amount_fen=10**13, reference=f"bank-{number}"),
        ]
    lot_id = 0
    for grower in range(2, GROWERS + 2):
        for harvest, grade, warehouse in ((h, g, w) for h in HARVESTS for g in GRADES for w in WAREHOUSES):
            lot_id += 1
            lot = {"variety": "BXJ", "grade": grade, "warehouse": warehouse, "harvest_date": harvest}
            size = {"cartons": 40_000, "weight_g": 10**9}
            place = {"town": "岭北镇", "village": "synthetic 7"}
            commands += [
                AnnounceLot(participant_id=grower, **lot, **size, **place),  # type: ignore[arg-type]
                WeighLot(operator_id=1, lot_id=lot_id, gross_g=10**9 + 1, tare_g=1, scale_id="scale-1"),
                InspectLot(operator_id=1, lot_id=lot_id, grade=grade, colour_stage=1),  # type: ignore[arg-type]
                IssueReceipt(operator_id=1, lot_id=lot_id),
            ]
    return commands


def trading(count: int) -> Iterator[Any]:
    """Of ten commands five take what rests, four rest near the touch, one cancels."""
    random = Random(SEED)
    symbols = [f"BXJ-{g}-{w}-26W{week}" for g in GRADES for w in WAREHOUSES for week in (46, 47)]
    entered: list[tuple[int, int]] = []
    for _ in range(count):
        chance = random.random()
        if chance < 0.1 and entered:
            yield CancelOrder(*entered[-1 - random.randrange(min(200, len(entered)))])
            continue
        sells = random.random() < 0.5
        takes = chance < 0.6
        away = 1 + int(random.expovariate(0.4))
        price = (240 if sells else 260) if takes else (250 + away if sells else 250 - away)
        owner = random.randrange(2, GROWERS + 2) if sells else random.randrange(GROWERS + 2, GROWERS + TRADERS + 2)
        entered.append((len(entered) + 1, owner))
        yield EnterOrder(
            participant_id=owner,
            client_order_id=f"order-{len(entered)}",
            symbol=random.choice(symbols),
            side="sell" if sells else "buy",
            quantity=random.randint(1, 120),
            price=price,
        )


def journal_a_day(path: Path, commands: int) -> SqliteJournal:
    """The journal of an opening and so many commands of trading."""
    journal = SqliteJournal(path)
    venue, chain, time_ns = Venue(), journal.tip().chain, OPENED_NS
    day = [*opening(), *trading(commands)]
    for start in range(0, len(day), BATCH):
        part = tuple(day[start : start + BATCH])
        first, time_ns = venue.sequence + 1, time_ns + 2_000_000
        events = run_batch(venue, part, first, time_ns)
        record = seal(Entry(first_sequence=first, time_ns=time_ns, commands=part, events=events), chain)
        journal.append(record)
        chain = record.chain
    venue.audit()
    return journal


def transactions(journal: SqliteJournal) -> Iterator[list[Record]]:
    """The rows of the journal as the projector takes them together."""
    together: list[Record] = []
    commands = 0
    for record in journal.read():
        together.append(record)
        commands += record.last_sequence - record.first_sequence + 1
        if commands >= MAXIMUM_COMMANDS:
            yield together
            together, commands = [], 0
    if together:
        yield together


class Stopwatch:
    """Seconds by stage; what runs inside a stage that runs inside another counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._open: list[tuple[str, float]] = []

    def enter(self, stage: str) -> None:
        now = time.perf_counter()
        if self._open:
            outer, since = self._open[-1]
            self.seconds[outer] += now - since
        self._open.append((stage, now))

    def leave(self) -> None:
        now = time.perf_counter()
        stage, since = self._open.pop()
        self.seconds[stage] += now - since
        if self._open:
            self._open[-1] = (self._open[-1][0], now)

    def around(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self.enter(stage)
            try:
                return work(*arguments, **named)
            finally:
                self.leave()

        return timed


class Rows:
    """What settlement wrote, transaction by transaction: a table, what became of rows that were there, and the rows."""

    def __init__(self) -> None:
        self.transactions: list[list[tuple[Table, Present, list[tuple[Any, ...]]]]] = []
        self.count: Counter[str] = Counter()

    def remember(self, table: Table, rows: Sequence[Any], present: Present) -> None:
        values = _values(table, isinstance(rows[0], Struct))
        self.transactions[-1].append((table, present, list(map(values, rows))))
        self.count[table.name] += len(rows)


class Day:
    """The journal of a day, and what is in it."""

    def __init__(self, folder: Path, commands: int) -> None:
        self.journal = journal_a_day(folder / "journal.sqlite", commands)
        self.entries = [[record.entry() for record in records] for records in transactions(self.journal)]
        taken = {kind for subject in SUBJECTS for kind in subject().takers()}
        kinds = Counter(
            type(event) for entries in self.entries for entry in entries for events in entry.events for event in events
        )
        self.events = Counter({kind.__name__: count for kind, count in kinds.items() if kind in taken})
        self.total = self.events.total()
        self.trades = self.events["TradeSettled"]
        self.rows = Rows()

    def listen(self, database: Engine) -> None:
        """Project once, for the rows alone."""
        write = settlement.projection.rows._write

        def listening(connection: Connection, table: Table, rows: Sequence[Any], present: Present) -> None:
            if rows:
                self.rows.remember(table, rows, present)
            write(connection, table, rows, present)

        with replaced(settlement.projection.rows, "_write", listening):
            for entries in self.entries:
                self.rows.transactions.append([])
                with database.begin() as connection:
                    settlement.projection.project(connection, entries)


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def settle(database: Engine, day: Day) -> float:
    started = time.perf_counter()
    for entries in day.entries:
        with database.begin() as connection:
            settlement.projection.project(connection, entries)
    return time.perf_counter() - started


def follow(database: Engine, day: Day) -> float:
    projector = Projector(database, day.journal)
    projector.start()
    started = time.perf_counter()
    for _ in projector.advance():
        pass
    return time.perf_counter() - started


def bare(database: Engine, day: Day) -> float:
    mark = "?" if database.dialect.name == "sqlite" else "%s"
    connection = database.raw_connection()
    try:
        cursor = connection.cursor()
        started = time.perf_counter()
        for statements in day.rows.transactions:
            if database.dialect.name == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            for table, present, values in statements:
                cursor.executemany(_one_by_one(table, present).replace("?", mark), values)
            connection.commit()
        return time.perf_counter() - started
    finally:
        connection.close()


def stages(database: Engine, day: Day) -> Counter[str]:
    """Where the projector's time goes: a round of its own, which the watch itself slows a little."""
    watch = Stopwatch()

    @event.listens_for(database, "before_cursor_execute")
    def before(*_: Any) -> None:
        watch.enter("statements of settlement" if watch._open[-1][0] == "rows of settlement" else "other statements")

    @event.listens_for(database, "after_cursor_execute")
    def after(*_: Any) -> None:
        watch.leave()

    with (
        replaced(Record, "entry", watch.around("reading and decoding", Record.entry)),
        replaced(settlement.projection, "project", watch.around("rows of settlement", settlement.projection.project)),
        replaced(marketdata.projection, "project", watch.around("rows of market data", marketdata.projection.project)),
    ):
        projector = Projector(database, day.journal)
        watch.enter("cursor, commit")
        projector.start()
        watch.seconds.clear()
        for _ in projector.advance():
            pass
        watch.leave()
    return watch.seconds


def measure(name: str, fresh: Callable[[], str], day: Day, rounds: int) -> bool:
    def made() -> Engine:
        url = fresh()
        upgrade(url)
        return connect(url, rebuildable=True)

    if not day.rows.transactions:
        database = made()
        day.listen(database)
        database.dispose()
        told = ", ".join(f"{count:,} {kind}" for kind, count in day.events.most_common(6))
        print(f"{day.total:,} settlement events ({told}, …) of {day.trades:,} trades")
        rows = day.rows.count.total()
        print(f"become {rows:,} rows: {rows / day.total:.2f} an event, {rows / max(1, day.trades):.1f} a trade\n")
    took: dict[str, float] = {}
    for _ in range(rounds):
        for label, work in (("settlement", settle), ("projector", follow), ("bare", bare)):
            database = made()
            gc.collect()
            took[label] = min(took.get(label, float("inf")), work(database, day))
            database.dispose()
    database = made()
    spent = stages(database, day)
    database.dispose()
    print(f"{name:12}{'events/s':>12}{'trades/s':>12}{'rows/s':>12}{'to bare':>10}")
    rows = day.rows.count.total()
    for label, seconds in took.items():
        ratio = took["bare"] / seconds
        print(
            f"  {label:10}{day.total / seconds:12,.0f}{day.trades / seconds:12,.0f}{rows / seconds:12,.0f}{ratio:10.2f}"
        )
    whole = spent.total()
    for stage, seconds in spent.most_common():
        print(f"    {seconds / whole:5.0%}  {stage}")
    reached = day.total / took["projector"]
    verdict = "reaches the aim" if reached >= AIM else "reaches the floor" if reached >= FLOOR else "MISSES THE FLOOR"
    print(f"  {verdict}: floor {FLOOR:,}, aim {AIM:,} settlement events a second\n")
    return reached >= FLOOR


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast committed events become rows.")
    parser.add_argument("--commands", type=int, default=20_000, help="of trading (20,000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="default: both")
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        day = Day(folder, options.commands)
        files = count(1)
        if options.database != "postgresql":
            good &= measure("SQLite", lambda: sqlite_url(folder / f"{next(files)}.sqlite"), day, options.rounds)
        if options.database != "sqlite":
            with postgres() as server:
                good &= measure("PostgreSQL", lambda: server.url(server.create()), day, options.rounds)
        day.journal.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
