"""What durability costs: the journal beside a bare file with `fdatasync`, and the sequencer on top of it.

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
from statistics import median

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from exchange.clock import RealClock
from exchange.journal import SqliteJournal, seal
from exchange.protocol import Entry
from exchange.sequencer import Sequencer
from matching.messages import PhaseChanged, SetPhase
from tests.exchange.tally import Tally

COMMAND = SetPhase("BXJ-1-SX1-26W47", "continuous")
EVENT = PhaseChanged("BXJ-1-SX1-26W47", "continuous")


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


def main() -> int:
    parser = argparse.ArgumentParser(description="The journal's speed beside a bare file's.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement (2)")
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
