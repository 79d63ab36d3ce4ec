"""What durability costs: the journal beside a bare file with `fdatasync`, the sequencer on top of it, and replay.

    python tests/benchmarks/bench_journal.py [--seconds 2] [--orders 40000] [--rounds 3]

Rows are written in turns with the bare file, on the same disk in the same run, so that a busy disk slows both; the
figures to quote are the ratio and the commands a second. A command here is a phase change: 41 bytes of command, 40 of
event. The journal's time includes encoding both and the chain of hashes; the bare file is given the bytes.

Last the pipeline of a venue without network: the real engine with its ledger, encoding, journal synced, one batch of
512 commands after the other; where its time goes; a bare append of the same bytes by SQLite; and what `exchange replay`
does with the journal. Of ten commands seven are orders of a hundred traders around one price, one amends, two cancel;
there is a trade for every fourth command or so.
"""

import argparse
import asyncio
import gc
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from exchange.clock import RealClock
from exchange.committer import ThreadCommitter
from exchange.engine import Engine
from exchange.garbage import settle, undisturbed
from exchange.journal import Record, seal
from exchange.protocol import Command, Entry
from exchange.replay import replay, run_batch
from exchange.sequencer import BATCH_COMMANDS, HASH_COMMANDS, Sequencer
from exchange.sqlite_journal import PAGE_BYTES, TIDY_PAGES, SqliteJournal, SqliteJournalReader
from matching.messages import AmendOrder, CancelOrder, PhaseChanged, SetPhase
from settlement.messages import (
    AnnounceLot,
    ConfigureVenue,
    Deposit,
    EnterOrder,
    InspectLot,
    IssueReceipt,
    RegisterParticipant,
    WeighLot,
)
from settlement.venue import VARIETIES, WAREHOUSES
from tests.exchange.tally import Tally

SYMBOL = "BXJ-1-SX1-26W47"
PARTS = ("engine", "state hash", "encoding, chain", "append, sync", "letting go of it")
COMMAND = SetPhase(SYMBOL, "continuous")
EVENT = PhaseChanged(SYMBOL, "continuous")


def batch(first: int, size: int) -> Entry:
    return Entry(first_sequence=first, time_ns=first, commands=(COMMAND,) * size, events=((EVENT,),) * size)


def append(folder: Path, size: int, seconds: float) -> tuple[float, float]:
    """Median seconds of sealing and appending a batch, and of writing and syncing the same bytes bare."""
    journal = SqliteJournal(folder / f"append-{size}.sqlite")
    bare = os.open(folder / f"bare-{size}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    first, chain = 1, journal.tip().chain
    took: list[float] = []
    took_bare: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        started = time.perf_counter()
        record = seal(batch(first, size), chain)
        journal.append(record)
        took.append(time.perf_counter() - started)
        first, chain = first + size, record.chain

        started = time.perf_counter()
        os.write(bare, record.commands + record.events)
        os.fdatasync(bare)
        took_bare.append(time.perf_counter() - started)
    journal.close()
    os.close(bare)
    return median(took), median(took_bare)


def read(folder: Path, seconds: float) -> float:
    """Commands a second of reading rows of 100 and checking their chain, without decoding them."""
    journal = SqliteJournal(folder / "read.sqlite")
    first, chain = 1, journal.tip().chain
    for _ in range(2_000):
        record = seal(batch(first, 100), chain)
        journal.append(record)
        first, chain = first + 100, record.chain
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends or not took:
        started = time.perf_counter()
        rows = sum(1 for _ in journal.read())
        took.append(time.perf_counter() - started)
        assert rows == 2_000
    journal.close()
    return 200_000 / median(took)


async def submit(folder: Path, waiters: int, seconds: float) -> tuple[float, float, list[float]]:
    """Commands a second, commands a batch and sorted latencies in seconds with so many waiting at any time."""
    sequencer = Sequencer(Tally(), SqliteJournal(folder / f"submit-{waiters}.sqlite"), RealClock())
    latencies: list[float] = []
    began = time.perf_counter()
    ends = began + seconds

    async def wait_in_turn() -> None:
        while (started := time.perf_counter()) < ends:
            await sequencer.submit(COMMAND)
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(wait_in_turn() for _ in range(waiters)))
    took = time.perf_counter() - began
    batches = sequencer.statistics.batches
    await sequencer.close()
    return len(latencies) / took, len(latencies) / batches, sorted(latencies)


def a_market(orders: int) -> list[tuple[int, list[Command]]]:
    """Batches `(time_ns, commands)` of a hundred traders around one price: of 10, 7 enter, 1 amends, 2 cancel."""
    dice = Random(1)
    start_ns = 1_795_399_200_000_000_000  # 2026-11-23, 10:00 in Suixi
    traders = range(3, 103)
    opening: list[Command] = [
        ConfigureVenue(fee_rate_ppm=500, fee_minimum_fen=30, warehouses=WAREHOUSES, varieties=VARIETIES),
        RegisterParticipant(name="operator", display_name="Operator", roles=("operator",)),
        RegisterParticipant(name="warehouse", display_name="Warehouse", roles=("warehouse",)),
    ]
    for trader in traders:
        opening.append(RegisterParticipant(name=f"trader{trader}", display_name="Trader", roles=("trader", "grower")))
    for lot_id, trader in enumerate(traders, 1):
        cartons, weight_g = 50_000, 900_000_000
        opening += [
            Deposit(participant_id=trader, amount_fen=10**11, reference=f"bank-{trader}"),
            AnnounceLot(
                participant_id=trader,
                variety="BXJ",
                grade="1",
                warehouse="SX1",
                harvest_date="2026-11-20",
                cartons=cartons,
                weight_g=weight_g,
                town="岭北镇",
                village="synthetic 7",
            ),
            WeighLot(operator_id=2, lot_id=lot_id, gross_g=weight_g + 1, tare_g=1, scale_id="scale-1"),
            InspectLot(operator_id=2, lot_id=lot_id, grade="1", colour_stage=1),
            IssueReceipt(operator_id=2, lot_id=lot_id),
        ]
    trading: list[Command] = []
    entered = 0
    while len(trading) < orders:
        trader, chance = dice.choice(traders), dice.random()
        if chance < 0.7 or entered < 100:
            entered += 1
            side = dice.choice(("buy", "sell"))
            around = 250 if dice.random() < 0.4 else (246 if side == "buy" else 254)
            trading.append(
                EnterOrder(
                    participant_id=3 + entered % 100,
                    client_order_id=f"order-{entered}",
                    symbol=SYMBOL,
                    side=side,
                    quantity=dice.randrange(1, 200),
                    price=around + dice.randrange(-4, 5),
                )
            )
        else:
            order_id = max(1, entered - dice.randrange(400))
            owner = 3 + order_id % 100
            if chance < 0.8:
                trading.append(AmendOrder(order_id, owner, quantity=dice.randrange(1, 200)))
            else:
                trading.append(CancelOrder(order_id, owner))
    commands = opening + trading
    return [
        (start_ns + number * 1_000_000, commands[at : at + BATCH_COMMANDS])
        for number, at in enumerate(range(0, len(commands), BATCH_COMMANDS))
    ]


class Part:
    """Wall and processor seconds spent in a part of the work."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0
        self._began = (0.0, 0.0)

    def __enter__(self) -> None:
        self._began = (time.perf_counter(), time.process_time())

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter() - self._began[0]
        self.processor += time.process_time() - self._began[1]


class Round(NamedTuple):
    """One run of the pipeline, of a bare append of its bytes, and of replay."""

    commands: int
    stored: int
    whole: Part
    parts: dict[str, Part]
    bare: Part
    replay: Part


async def pipeline(folder: Path, market: list[tuple[int, list[Command]]], number: int) -> Round:
    """Engine, encoding and journal, one batch after the other, as the sequencer does; each part on its own.

    The journal has its thread, as in a venue: what it does after a row is on the disk falls into the next batch.
    """
    engine = Engine()
    journal = SqliteJournal(folder / f"pipeline-{number}.sqlite")
    committer = ThreadCommitter(journal)
    chain, hashed = journal.tip().chain, 0
    whole = Part()
    parts = {name: Part() for name in PARTS}
    executing, hashing, sealing, appending, releasing = parts.values()
    with whole:
        for time_ns, batched in market:
            first = engine.sequence + 1
            commands = tuple(batched)
            with executing:
                events = run_batch(engine, commands, first, time_ns)
            state_hash = None
            if engine.sequence - hashed >= HASH_COMMANDS:
                with hashing:
                    state_hash = engine.state_hash()
                hashed = engine.sequence
            with sealing:
                entry = Entry(first_sequence=first, time_ns=time_ns, commands=commands, events=events)
                record = seal(entry, chain, state_hash)
            with appending:
                await committed(committer, record)
            chain = record.chain
            with releasing:
                del commands, events, entry, record
        await committer.close()
    replaying = Part()
    reader = SqliteJournalReader(journal.path)
    with replaying, undisturbed():
        replayed = replay(reader, Engine)
    assert replayed.state_hash() == engine.state_hash()
    rows = [record.commands + record.events for record in reader.read()]
    reader.close()
    bare = append_bare(folder / f"bare-{number}.sqlite", rows)
    return Round(engine.sequence, sum(map(len, rows)), whole, parts, bare, replaying)


async def committed(committer: ThreadCommitter, record: Record) -> None:
    told: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
    committer.commit(record, told.set_result)
    failure = await told
    assert failure is None, failure


def append_bare(path: Path, rows: list[bytes]) -> Part:
    """What SQLite takes for the same bytes and nothing else: a transaction and a sync each, set up as the journal."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = FULL",
        f"wal_autocheckpoint = {TIDY_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, content BLOB)")
    part = Part()
    with part:
        for row in rows:
            connection.execute("INSERT INTO rows (content) VALUES (?)", (row,))
    connection.close()
    return part


def print_pipeline(rounds: list[Round]) -> None:
    """Medians of the rounds; of processor time the least, since other work on the machine only lengthens it."""
    commands = rounds[0].commands
    print(f"{'':28}{'commands/s':>14}{'us each':>10}{'processor us each':>20}")

    def line(name: str, taken: list[Part]) -> None:
        wall = median(part.wall for part in taken)
        processor = min(part.processor for part in taken)
        print(f"{name:28}{commands / wall:14,.0f}{wall / commands * 1e6:10.2f}{processor / commands * 1e6:20.2f}")

    line("engine, encoding, journal", [each.whole for each in rounds])
    for name in PARTS:
        line(f"  of that {name}", [each.parts[name] for each in rounds])
    line("bare SQLite append", [each.bare for each in rounds])
    line("replay", [each.replay for each in rounds])


def print_journal(folder: Path, seconds: float) -> None:
    """The journal alone, and the sequencer on top of it with an engine that does nothing."""
    print("Append: commands a second, on the disk, one batch after the other")
    print(f"{'commands a batch':>18}{'journal':>12}{'file+fdatasync':>16}{'ratio':>8}")
    for size in (1, 16, 256, 4096):
        journal, bare = append(folder, size, seconds)
        print(f"{size:18,}{size / journal:12,.0f}{size / bare:16,.0f}{bare / journal:8.2f}")
    print(f"Read and check the chain: {read(folder, seconds):,.0f} commands a second in rows of 100")
    print("Sequencer with a trivial engine, no network: answered commands a second")
    print(f"{'waiting':>18}{'answered':>12}{'a batch':>16}{'p50 ms':>8}{'p99 ms':>8}")
    for waiters in (1, 16, 256, 4096):
        rate, per_batch, latencies = uvloop.run(submit(folder, waiters, seconds))
        p50, p99 = (latencies[len(latencies) * part // 100] * 1e3 for part in (50, 99))
        print(f"{waiters:18,}{rate:12,.0f}{per_batch:16,.1f}{p50:8.2f}{p99:8.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description="The journal's speed beside a bare file's.")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of each measurement of the journal alone; 0: none (2)"
    )
    parser.add_argument("--orders", type=int, default=40_000, help="given to the real engine (40,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of the real engine (3)")
    parser.add_argument("--folder", type=Path, help="where to write: the disk that is measured (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.seconds:
            print_journal(folder, options.seconds)
        market = a_market(options.orders)
        rounds = []
        for number in range(options.rounds):
            # As a venue does, which has no state but its own.
            gc.unfreeze()
            gc.collect()
            settle()
            rounds.append(uvloop.run(pipeline(folder, market, number)))
        commands, stored = rounds[0].commands, rounds[0].stored
        print(
            f"The real engine, {BATCH_COMMANDS} commands a batch, journal synced, no network, interpreted; "
            f"{options.rounds} rounds of {commands:,} commands, {stored / commands:,.0f} bytes each"
        )
        print_pipeline(rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
