"""How long a venue takes to start: with 100,000 live orders, behind a long journal, through a snapshot.

    python tests/benchmarks/bench_start.py [--commands 1000000] [--days 1] [--live 100000] [--tail 50000]
                                           [--folder DIR] [--whole]

A market of 60 participants and eight instruments is journaled as a venue would, in batches of 512 commands: new orders
until so many live, then for each new one that rests another is cancelled, and a sixth of the commands trade. A snapshot
is taken `--tail` commands before the end, which is what `snapshot_commands` leaves at most. Then `exchange serve` is
started on it, as users start it, and the clock stops at its `ready` line; the views are empty, so that the follower has
all of them to make meanwhile. In one day every order's client id is still remembered; more days of as many commands
leave the state as large as it is. What a start reads of the journal is its tail, whatever there is before; `--whole`
shows what it saves. `--commands 10000000 --days 10` is the long journal, nine gigabytes.

It also tells what a snapshot costs: the time of each step, and the memory of the follower's writer, a forked child.
"""

import argparse
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from exchange.bell import Heard
from exchange.config import Settings
from exchange.engine import Engine
from exchange.garbage import settle, settle_alone, undisturbed
from exchange.journal import Tip, seal
from exchange.protocol import Entry
from exchange.publication import Publication
from exchange.recovery import ENGINE, begin, check_restores, recover, write
from exchange.replay import run_batch
from exchange.sequencer import BATCH_COMMANDS, HASH_COMMANDS
from exchange.snapshot import Snapshots, read_snapshot
from exchange.snapshot_writer import SnapshotWriter
from exchange.sqlite_journal import SqliteJournal
from exchange.views import ViewsHeld, hold_views
from matching.messages import CancelOrder
from settlement.civil import day_number, day_start_ns
from settlement.messages import (
    AnnounceLot,
    Deposit,
    EnterOrder,
    ExecutionReport,
    InspectLot,
    IssueReceipt,
    RegisterParticipant,
    WeighLot,
)
from settlement.venue import DEFAULT_VENUE
from tests.running import serving

TAIL = Settings().snapshot_commands
OPENED_NS = day_start_ns(day_number("2026-11-23") or 0) + 8 * 3_600 * 10**9
DAY_NS = 86_400 * 10**9

GROWERS, TRADERS = range(3, 23), range(23, 63)
SYMBOLS = [f"BXJ-{grade}-{warehouse}-26W{week}" for grade in "12" for warehouse in ("SX1", "SX2") for week in (46, 47)]


def prologue() -> Iterator[Any]:
    """People, money and goods."""
    yield DEFAULT_VENUE
    yield RegisterParticipant(name="operator", display_name="Operator", roles=("operator",))
    yield RegisterParticipant(name="warehouse", display_name="Warehouse", roles=("warehouse",))
    for number in (*GROWERS, *TRADERS):
        yield RegisterParticipant(name=f"p{number}", display_name="P", roles=("grower", "trader"))
        yield Deposit(participant_id=number, amount_fen=10**13, reference=f"d{number}")
    lot_id = 0
    for grower in GROWERS:
        for symbol in SYMBOLS:
            variety, grade, warehouse, week = symbol.split("-")
            harvested = {"26W46": "2026-11-13", "26W47": "2026-11-20"}[week]
            lot_id += 1
            lot = {"variety": variety, "grade": grade, "warehouse": warehouse, "harvest_date": harvested}
            yield AnnounceLot(
                participant_id=grower, cartons=40_000, weight_g=10**9, town="town", village="village", **lot
            )
            yield WeighLot(operator_id=2, lot_id=lot_id, gross_g=10**9 + 1, tare_g=1, scale_id="scale")
            yield InspectLot(operator_id=2, lot_id=lot_id, grade=grade, colour_stage=1)  # type: ignore[arg-type]
            yield IssueReceipt(operator_id=2, lot_id=lot_id)


class Market:
    """Draws commands; told of reports, it knows which orders live."""

    def __init__(self, live: int) -> None:
        self._dice = Random(1)
        self._wanted = live
        self._live: list[int] = []
        self._place: dict[int, int] = {}
        self._owner: dict[int, int] = {}
        self._number = 0

    def next(self) -> Any:
        dice, chance = self._dice, self._dice.random()
        if chance < 1 / 6:
            return self._enter(dice.choice(("sell", "buy")), 250, dice.randint(1, 3), "ioc")
        if len(self._live) >= self._wanted and (chance < 0.58 or len(self._live) > self._wanted + 500):
            order_id = dice.choice(self._live)
            return CancelOrder(order_id, self._owner[order_id])
        side = dice.choice(("sell", "buy"))
        distance = int(dice.expovariate(0.12))
        return self._enter(side, 250 + distance if side == "sell" else 249 - distance, dice.randint(1, 20), "gtc")

    def _enter(self, side: Any, price: int, quantity: int, time_in_force: Any) -> EnterOrder:
        self._number += 1
        who = self._dice.choice(GROWERS if side == "sell" else TRADERS)
        return EnterOrder(
            participant_id=who,
            client_order_id=f"order-{self._number}",
            symbol=self._dice.choice(SYMBOLS),
            side=side,
            quantity=quantity,
            price=price,
            time_in_force=time_in_force,
        )

    def hear(self, entry: Entry) -> None:
        for events in entry.events:
            for event in events:
                if isinstance(event, ExecutionReport):
                    self._keep(event.order_id, event.participant_id, event.status in ("resting", "partly_filled"))

    def _keep(self, order_id: int, owner: int, lives: bool) -> None:
        if lives and order_id not in self._place:
            self._place[order_id] = len(self._live)
            self._owner[order_id] = owner
            self._live.append(order_id)
        elif not lives and order_id in self._place:
            at, last = self._place.pop(order_id), self._live.pop()
            del self._owner[order_id]
            if last != order_id:
                self._live[at] = last
                self._place[last] = at

    def __len__(self) -> int:
        return len(self._live)


def journaled(path: Path, commands: int, days: int, live: int, tail: int) -> float:
    """Write the journal, unsynced, and the snapshot before its tail; commands a second."""
    engine, market = Engine(), Market(live)
    witnesses = (Publication(), Heard())
    waiting = list(prologue())
    snapshot_at, hashed = commands - tail, 0
    started = time.perf_counter()
    settle()
    with closing(SqliteJournal(path)) as journal:
        journal._writing.execute("PRAGMA synchronous = OFF")  # Nobody is told of this market; it only has to be there.
        chain = journal.tip().chain
        while engine.sequence < commands:
            first = engine.sequence + 1
            batch = tuple(waiting[:BATCH_COMMANDS]) or tuple(market.next() for _ in range(BATCH_COMMANDS))
            waiting = waiting[BATCH_COMMANDS:]
            time_ns = OPENED_NS + first * days * DAY_NS // commands
            events = run_batch(engine, batch, first, time_ns)
            entry = Entry(first_sequence=first, time_ns=time_ns, commands=batch, events=events)
            due = engine.sequence - hashed >= HASH_COMMANDS
            hashed = engine.sequence if due else hashed
            record = seal(entry, chain, engine.state_hash() if due else None)
            journal.append(record)
            chain = record.chain
            market.hear(entry)
            for witness in witnesses:
                witness.hear(entry)
            if engine.sequence >= snapshot_at:
                snapshot_at = commands + BATCH_COMMANDS
                row = Tip(record.last_sequence, record.time_ns, record.chain)
                write(Snapshots.beside(path), engine, witnesses, row, journal.birth().venue_id)
    print(f"{engine.sequence:,} commands, {len(market):,} orders live")
    return engine.sequence / (time.perf_counter() - started)


def memory(pid: int | str, field: str) -> float:
    """MiB of a process."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def in_a_child(work: Any) -> tuple[Any, float]:
    """What work gives, a number, and the MiB that the process took at most: each measurement has its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as told:
        answer = told.read()
    usage = os.wait4(pid, 0)[2]
    return eval(answer), usage.ru_maxrss / 1024


def steps(path: Path) -> dict[str, float]:
    """Seconds of the steps of a start, and of a snapshot."""
    snapshots, took = Snapshots.beside(path), {}

    def step(name: str, started: float) -> float:
        took[name] = time.perf_counter() - started
        return time.perf_counter()

    with closing(SqliteJournal.open_reader(path)) as journal, undisturbed():
        now = time.perf_counter()
        snapshot = read_snapshot(snapshots.newest_first()[0])
        now = step("read the file, check its hashes, unpack", now)
        engine = Engine.restore(snapshot.sections[ENGINE])
        now = step("restore the engine", now)
        engine.state_hash()
        now = step("hash its state", now)
        witnesses = (Publication(), Heard())
        for witness in witnesses:
            witness.restore(snapshot.sections[witness.name], engine)
        now = step("put back what feed and bell know", now)
        engine.snapshot()
        [witness.state() for witness in witnesses]
        now = step("write engine, feed and bell as bytes", now)
        engine.audit()
        now = step("audit all invariants, as each writer does first", now)
        check_restores(snapshot, [Publication, Heard])
        step("restore, write again and compare, as it does last", now)
        assert begin(journal, snapshots, (), print).snapshot is not None
    return took


def written_beside(path: Path) -> dict[str, float]:
    """What it costs the follower to have a snapshot written: how long it stands still, and until the file is there."""
    with closing(SqliteJournal.open_reader(path)) as journal:
        start = begin(journal, Snapshots.beside(path), (Publication(), Heard()), print)
        assert start.snapshot is not None
        row = Tip(start.sequence, start.snapshot.time_ns, start.snapshot.chain)
        settle_alone()
        writer = SnapshotWriter(Snapshots(path.with_name("again")), journal.birth().venue_id, every=1, kept=1)
        before = memory("self", "VmRSS")
        started = time.perf_counter()
        writer.begin(start.engine, start.witnesses, row)
        stood = time.perf_counter() - started
        while writer.writing:
            for written in writer.finished():
                assert written.trouble is None, written
            time.sleep(0.01)
        took = time.perf_counter() - started
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return {"follower": before, "stood": stood, "took": took, "child": child}


def served(data: Path) -> tuple[float, float, float]:
    """Seconds from starting the process to its `ready` line, those of them on a processor, and MiB that it then has.

    What its follower makes is taken away again, so that every start is the same."""
    snapshots = Snapshots.beside(data / "journal.sqlite")
    before = snapshots.newest_first()
    started = time.perf_counter()
    with serving(data) as venue:
        took = time.perf_counter() - started
        ran = int(Path(f"/proc/{venue.pid}/schedstat").read_text().split()[0]) / 1e9
        held = memory(venue.pid, "VmRSS")
        venue.kill()
    while True:  # Until the follower has drained, as far as it comes in its two seconds.
        try:
            os.close(hold_views(data / "journal.sqlite", alone=True))
            break
        except ViewsHeld:
            time.sleep(0.1)
    snapshots.wait_for_writers(60)
    for path in snapshots.newest_first():
        if path not in before:
            path.unlink()
    for view in data.glob("exchange.sqlite*"):
        view.unlink()
    return took, ran, held


def replayed(path: Path, snapshots: Snapshots) -> float:
    with closing(SqliteJournal(path)) as journal:
        started = time.perf_counter()
        recover(journal, snapshots, (Publication(), Heard()), print)
        return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description="How long a venue takes to start.")
    parser.add_argument("--commands", type=int, default=1_000_000, help="in the journal (1,000,000)")
    parser.add_argument("--days", type=int, default=1, help="in which they come (1)")
    parser.add_argument("--live", type=int, default=100_000, help="orders that live at its end (100,000)")
    parser.add_argument("--tail", type=int, default=TAIL, help=f"commands behind the snapshot ({TAIL:,})")
    parser.add_argument("--folder", type=Path, help="where to make it, or a data folder made before")
    parser.add_argument("--whole", action="store_true", help="start without the snapshot too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        data = options.folder or Path(name)
        data.mkdir(exist_ok=True)
        path = data / "journal.sqlite"
        if not path.exists():
            rate, _ = in_a_child(lambda: journaled(path, options.commands, options.days, options.live, options.tail))
            print(f"journaled at {rate:,.0f} commands a second")
        size = Snapshots.beside(path).newest_first()[0].stat().st_size
        print(f"journal {path.stat().st_size / 2**20:,.0f} MiB, snapshot {size / 2**20:.1f} MiB\n")
        took, held = in_a_child(lambda: steps(path))
        for step, seconds in took.items():
            print(f"{step:56}{seconds:8.2f} s")
        print(f"{'at most held by that process':56}{held:8,.0f} MiB\n")
        writing, _ = in_a_child(lambda: written_beside(path))
        print(f"{'the follower stands still for the fork':56}{writing['stood'] * 1e3:8.1f} ms")
        print(f"{'until the snapshot is written and verified':56}{writing['took']:8.2f} s")
        print(f"{'the follower holds':56}{writing['follower']:8,.0f} MiB")
        print(f"{'its writer at most, shared pages counted':56}{writing['child']:8,.0f} MiB\n")
        for _ in range(3):
            seconds, ran, held = served(data)
            print(
                f"{'exchange serve, from the process to its ready line':56}{seconds:8.2f} s{held:8,.0f} MiB, "
                f"{ran:.2f} s on a processor"
            )
        if options.whole:
            seconds, held = in_a_child(lambda: replayed(path, Snapshots(data / "none")))
            print(f"{'the journal alone, executed from its beginning':56}{seconds:8.2f} s{held:8,.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
