"""Whether latency stays flat: orders at a fixed rate for minutes, and what stood behind each pause.

    python tests/benchmarks/bench_latency.py [--minutes 10] [--rate 300] [--pause 50] [--subscribers 10]

A venue runs as `exchange serve` does, with all its parts on: the journal synced, the follower projecting, re-executing
and having snapshots written, subscribers that read book and trades. Orders come in an open loop: each is due at its
time, whatever has become of those before, and its latency counts from when it was due to its answer, which is
durable. So a venue that stands still for 100 ms is seen by all orders of those 100 ms.

A line a minute: latencies, processor time an order in the venue's main thread and in the follower (which other work on
the machine hardly changes, so that growth shows there first), their memory, the journal. Then each pause, which is a
run of orders that took longer than `--pause` milliseconds, beside what venue and kernel counted in the second around
it:

    gc          collections of garbage in the venue
    commit      journal: the longest batch until it was durable
    engine      the longest batch in engine and encoding
    flush       the longest flush of the feed
    processor   the venue's main thread was ready to run and had none
    writer      the journal's thread was
    client      this process was: its fault, not the venue's
    fork        the follower stood still to be forked for a snapshot

A cause is named where it had at least half of the pause to itself; what none of them accounts for is `unexplained`.
Where the kernel let venue, journal or client wait for a processor so long, that alone is named: the rest follows.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.bench_venue import (
    ANSWERED,
    FrameOrders,
    PacedTrader,
    Process,
    Tally,
    open_market,
    said,
    traders_at,
)
from tests.running import PASSWORD, VenueProcess, exchange, serving

LOOK_SECONDS: Final = 1.0
CONNECTIONS: Final = 8
TOLD_PAUSES: Final = 40
HISTOGRAMS: Final = {
    "venue_commit_seconds": "commit",
    "venue_execute_seconds": "engine",
    "feed_flush_seconds": "flush",
    "venue_snapshot_fork_seconds": "fork",
    "exchange_gc_pause_seconds": "gc",
}
CAUSES: Final = ("gc", "commit", "engine", "flush", "fork", "processor", "writer", "client")
BUSY: Final = ("processor", "writer", "client")
"""The machine had other things to do."""


class Look(NamedTuple):
    """What venue and kernel have counted up to a moment; `longest` are the buckets of each histogram."""

    at: float
    seconds: dict[str, float]
    buckets: dict[str, dict[float, float]]
    venue_mib: float
    follower_mib: float
    journal_mib: float
    snapshot: int
    venue_ran: float
    follower_ran: float
    collections: float


class Pause(NamedTuple):
    """Orders one after another that took long: when the first was due, the longest of them, how many."""

    began: float
    ended: float
    longest: float
    orders: int


class TimedTrader(PacedTrader):
    """Keeps when each order was due, beside what it took."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.answers: list[tuple[float, float]] = []

    def answer(self, data: bytes, begins: int, length: int) -> None:
        if self.due and data.startswith(ANSWERED, begins):
            at = begins + len(ANSWERED)
            due = self.due.pop(int(data[at : at + 8]))
            self.answers.append((due, self._now - due))
        else:
            super().answer(data, begins, length)


class Watcher(threading.Thread):
    """Looks at the venue from outside, again and again, until it is told to end."""

    def __init__(self, venue: VenueProcess) -> None:
        super().__init__(daemon=True)
        self.looks: list[Look] = []
        self.over = threading.Event()
        self._venue = venue
        self._process = Process(venue.pid)
        self._follower = next(self._process.children())

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            self.looks.append(self.look())

    def look(self) -> Look:
        with urllib.request.urlopen(f"{self._venue.address}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        seconds = dict.fromkeys(CAUSES, 0.0)
        buckets: dict[str, dict[float, float]] = {name: {} for name in HISTOGRAMS.values()}
        for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? ([\d.e+-]+)$", text, re.MULTILINE):
            family, _, part = name.rpartition("_")
            short = HISTOGRAMS.get(family)
            if short is None:
                continue
            if part == "sum":
                seconds[short] += float(value)
            elif part == "bucket":
                bound = float(re.search(r'le="([^"]+)"', labels)[1])  # type: ignore[index]
                buckets[short][bound] = buckets[short].get(bound, 0.0) + float(value)
        pid = self._venue.pid
        seconds["processor"] = waited(pid, pid)
        seconds["writer"] = sum(waited(pid, task) for task in tasks(pid) if task != pid)
        seconds["client"] = sum(waited(os.getpid(), task) for task in tasks(os.getpid()))
        journal = float(re.search(r"^venue_journal_bytes (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]
        snapshot = float(re.search(r"^venue_snapshot_sequence (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]
        return Look(
            time.perf_counter(),
            seconds,
            buckets,
            self._process.memory_mib(),
            self._follower.memory_mib(),
            journal / 2**20,
            int(snapshot),
            schedule(pid, pid)[0],
            schedule(self._follower.pid, self._follower.pid)[0],
            max(buckets["gc"].values(), default=0.0),
        )


def tasks(pid: int) -> list[int]:
    return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]


def waited(pid: int, task: int) -> float:
    """Seconds for which a thread was ready and had no processor."""
    return schedule(pid, task)[1]


def schedule(pid: int, task: int) -> tuple[float, float]:
    """Seconds for which a thread ran, and was ready and had no processor."""
    try:
        ran, ready, _ = Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()
    except OSError:
        return 0.0, 0.0
    return int(ran) / 1e9, int(ready) / 1e9


async def trade(venue: VenueProcess, symbol: str, tokens: list[str], rate: float, seconds: float) -> TimedTrader:
    """All answers, in one trader's list."""
    orders = [FrameOrders(symbol, 7_000 + number, f"l{number}") for number in range(CONNECTIONS)]
    traders = await traders_at(venue.feed_address, orders, Tally(), tokens, TimedTrader)
    began = time.perf_counter()
    asked = 0
    while (now := time.perf_counter()) < began + seconds:
        wanted = int((now - began) * rate)
        while asked < wanted:
            traders[asked % CONNECTIONS].ask_at(1, began + asked / rate)
            asked += 1
        await asyncio.sleep(0.001)
    deadline = time.perf_counter() + 60
    while any(trader.due for trader in traders) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    for trader in traders:
        assert not trader.refused, trader.refused
        assert not trader.due, "an order has no answer"
        trader.leave()
        await trader.closed
    traders[0].answers = sorted(answer for trader in traders for answer in trader.answers)
    return traders[0]  # type: ignore[no-any-return]


def pauses(answers: Sequence[tuple[float, float]], longer: float) -> list[Pause]:
    found: list[Pause] = []
    for due, took in answers:
        if took <= longer:
            continue
        if found and due <= found[-1].ended:
            last = found[-1]
            found[-1] = Pause(last.began, max(last.ended, due + took), max(last.longest, took), last.orders + 1)
        else:
            found.append(Pause(due, due + took, took, 1))
    return found


def around(pause: Pause, looks: Sequence[Look]) -> tuple[Look, Look]:
    """The last look before it and the first one after it."""
    before = [look for look in looks if look.at <= pause.began]
    after = [look for look in looks if look.at >= pause.ended]
    return before[-1] if before else looks[0], after[0] if after else looks[-1]


def accounts(pause: Pause, looks: Sequence[Look]) -> dict[str, float]:
    """Seconds that each cause can have had of it: of batches, flushes and collections the bound of the longest."""
    before, after = around(pause, looks)
    had = {}
    for cause in CAUSES:
        spent = after.seconds[cause] - before.seconds[cause]
        if cause in after.buckets:
            bounds = sorted(after.buckets[cause])
            new = {bound: after.buckets[cause][bound] - before.buckets[cause].get(bound, 0.0) for bound in bounds}
            total = new[bounds[-1]] if bounds else 0.0
            longest = next((bound for bound in bounds if new[bound] == total), 0.0) if total else 0.0
            spent = min(spent, longest)
        had[cause] = spent
    return had


def minute(number: int, answers: list[float], seconds: float, before: Look, after: Look) -> None:
    answers.sort()
    count = len(answers)
    p50, p99, p999 = (answers[min(count - 1, int(count * part))] * 1e3 for part in (0.5, 0.99, 0.999))
    per_order = 1e6 * seconds / count / (after.at - before.at)
    venue_us = (after.venue_ran - before.venue_ran) * per_order
    follower_us = (after.follower_ran - before.follower_ran) * per_order
    print(
        f"{number:6}{count:9,}{p50:9.2f}{p99:9.2f}{p999:9.2f}{answers[-1] * 1e3:9.1f}"
        f"{venue_us:10.0f}{follower_us:10.0f}"
        f"{after.venue_mib:11,.0f}{after.follower_mib:11,.0f}{after.journal_mib:10,.0f}{after.snapshot:12,}",
        flush=True,
    )


def report(answers: list[tuple[float, float]], looks: list[Look], longer: float) -> None:
    began = answers[0][0]
    print(
        f"{'minute':>6}{'orders':>9}{'p50 ms':>9}{'p99':>9}{'p99.9':>9}{'max':>9}"
        f"{'venue us':>10}{'follower':>10}{'venue MiB':>11}{'follower':>11}{'journal':>10}{'snapshot':>12}"
    )
    number = 0
    while True:
        start = began + 60 * number
        took = [took for due, took in answers if start <= due < start + 60]
        if not took:
            break
        number += 1
        within = [look for look in looks if start - LOOK_SECONDS <= look.at <= start + 60 + LOOK_SECONDS]
        minute(number, took, min(60.0, answers[-1][0] - start), within[0], within[-1])
    first, last = looks[0], looks[-1]
    print("\nin all, seconds:", ", ".join(f"{name} {last.seconds[name] - first.seconds[name]:.2f}" for name in CAUSES))
    print(f"collections of garbage: {last.collections - first.collections:.0f}")
    found = pauses(answers, longer)
    print(f"\n{len(found)} pauses of more than {longer * 1e3:.0f} ms")
    causes: Counter[str] = Counter()
    longest = sorted(found, key=lambda pause: -pause.longest)[:TOLD_PAUSES]
    for pause in found:
        had = accounts(pause, looks)
        enough = [cause for cause in CAUSES if had[cause] >= pause.longest / 2] or ["unexplained"]
        named = [cause for cause in enough if cause in BUSY] or enough
        causes.update(named)
        if pause in longest:
            told = ", ".join(f"{cause} {seconds * 1e3:.0f}" for cause, seconds in had.items() if seconds >= 0.005)
            print(
                f"at {pause.began - began:7.2f} s {pause.longest * 1e3:7.1f} ms {pause.orders:5} orders  "
                f"{' + '.join(named):24} ({told})"
            )
    print("causes:", ", ".join(f"{cause} {count}" for cause, count in causes.most_common()) or "none")


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether latency stays flat.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=300.0, help="orders a second (300)")
    parser.add_argument("--pause", type=float, default=50.0, help="milliseconds that are to be explained (50)")
    parser.add_argument("--subscribers", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        assert exchange("init", "--data", data, "--password", PASSWORD).returncode == 0
        with serving(data) as venue:
            symbol, people = open_market(venue)
            bench = Path(__file__).with_name("bench_venue.py")
            arguments = ["--subscribers", str(options.subscribers), "--listen", venue.feed_address, symbol]
            beside = subprocess.Popen(
                [sys.executable, bench, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            try:
                assert said(beside) == "listening"
                watcher = Watcher(venue)
                watcher.looks.append(watcher.look())
                watcher.start()
                load = os.getloadavg()[0]
                tokens = [people[number % len(people)].token for number in range(CONNECTIONS)]
                trader = uvloop.run(trade(venue, symbol, tokens, options.rate, 60 * options.minutes))
                watcher.over.set()
                watcher.join()
                watcher.looks.append(watcher.look())
                print(
                    f"{options.rate:g} orders a second for {options.minutes:g} minutes; {os.cpu_count()} processors, "
                    f"load {load:.1f} at the beginning, {os.getloadavg()[0]:.1f} at the end\n"
                )
                report(trader.answers, watcher.looks, options.pause / 1e3)
            finally:
                beside.kill()
                beside.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
