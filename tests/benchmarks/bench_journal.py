"""What durability costs: the journal beside a bare file with `fdatasync`, the sequencer on top of it, and replay.

    python tests/benchmarks/bench_journal.py [--seconds 2]

Rows are written in turns with the bare file, on the same disk in the same run, so that a busy disk slows both; the
figures to quote are the ratio and the commands a second. A command here is a phase change: 41 bytes of command, 40 of
event. The journal's time includes encoding both and the chain of hashes; the bare file is given the bytes.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from statistics import median

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from exchange.clock import RealClock
from exchange.engine import Engine
from exchange.journal import Record, SqliteJournal, seal
from exchange.protocol import Command, Entry
from exchange.replay import replay, run_batch
from exchange.sequencer import BATCH_COMMANDS, HASH_COMMANDS, Sequencer
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


def pipeline(folder: Path, orders: int) -> tuple[float, float, float]:
    """Commands a second of engine, encoding and journal, of a bare append of the same rows, and of replay."""
    market = a_market(orders)
    engine = Engine()
    journal = SqliteJournal(folder / "pipeline.sqlite")
    chain, hashed = journal.tip().chain, 0
    records: list[Record] = []
    started = time.perf_counter()
    for time_ns, batched in market:
        first = engine.sequence + 1
        events = run_batch(engine, tuple(batched), first, time_ns)
        entry = Entry(first_sequence=first, time_ns=time_ns, commands=tuple(batched), events=events)
        due = engine.sequence - hashed >= HASH_COMMANDS
        record = seal(entry, chain, engine.state_hash() if due else None)
        hashed = engine.sequence if due else hashed
        journal.append(record)
        chain = record.chain
        records.append(record)
    took = time.perf_counter() - started
    again = SqliteJournal(folder / "again.sqlite", venue_id=journal.birth().venue_id)
    started = time.perf_counter()
    for record in records:
        again.append(record)
    bare = time.perf_counter() - started
    again.close()
    started = time.perf_counter()
    replayed = replay(journal, Engine)
    replaying = time.perf_counter() - started
    assert replayed.state_hash() == engine.state_hash()
    journal.close()
    total = engine.sequence
    return total / took, total / bare, total / replaying


def main() -> int:
    parser = argparse.ArgumentParser(description="The journal's speed beside a bare file's.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (2)")
    parser.add_argument("--orders", type=int, default=40_000, help="given to the real engine (40,000)")
    parser.add_argument("--folder", type=Path, help="where to write: the disk that is measured (a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print("Append: commands a second, on the disk, one batch after the other")
        print(f"{'commands a batch':>18}{'journal':>12}{'file+fdatasync':>16}{'ratio':>8}")
        for size in (1, 16, 256, 4096):
            journal, bare = append(folder, size, options.seconds)
            print(f"{size:18,}{size / journal:12,.0f}{size / bare:16,.0f}{bare / journal:8.2f}")
        print(f"Read and check the chain: {read(folder, options.seconds):,.0f} commands a second in rows of 100")
        print("Sequencer with a trivial engine, no network: answered commands a second")
        print(f"{'waiting':>18}{'answered':>12}{'a batch':>16}{'p50 ms':>8}{'p99 ms':>8}")
        for waiters in (1, 16, 256, 4096):
            rate, per_batch, latencies = uvloop.run(submit(folder, waiters, options.seconds))
            p50, p99 = (latencies[len(latencies) * part // 100] * 1e3 for part in (50, 99))
            print(f"{waiters:18,}{rate:12,.0f}{per_batch:16,.1f}{p50:8.2f}{p99:8.2f}")
        rate, bare, replayed = pipeline(folder, options.orders)
        print(f"The real engine, {BATCH_COMMANDS} commands a batch, journal synced, no network: commands a second")
        print(f"{'engine+journal':>18}{'append alone':>16}{'replay':>12}")
        print(f"{rate:18,.0f}{bare:16,.0f}{replayed:12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
