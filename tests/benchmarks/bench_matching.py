"""How fast the floor matches, beside PyPI's `lightmatchingengine`, on the same seeded tapes in one run.

Tape 1: one instrument; 50 % passive limit orders at a geometric distance (p = 0.12) from the opposite touch, quantity
1-100; 40 % cancels of a random live order; 10 % limit orders ten ticks through the touch, quantity exponential with
mean 50, the rest resting; live orders held near 3,000. Tape 2: the same over 64 instruments with Zipf weights, about
29,000 live. Commands are built before the clock starts, and all engines are given exactly the same ones.

Each measurement is a process of its own, and the engines take turns, so that what else the machine does meets them
alike: ratios are medians of pairs of one round. The floor is measured as it is, and as `./dev compile` built it if it
has. Further tables tell how the cost grows with the book and with the number of instruments, and the console's rate.

    python tests/benchmarks/bench_matching.py [--quick] [--commands N] [--rounds N] [--sizes N …]
"""

import argparse
import gc
import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns, process_time
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))  # Behind PYTHONPATH, by which the compiled floor is found.

import msgspec
from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

from matching import Market
from matching.messages import CancelOrder, Command, DefineInstrument, PlaceOrder, TradeExecuted

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / ".cache" / "compiled"
SEED = 20261124
PASSIVE, AGGRESSIVE = 1, 2


@dataclass
class Tape:
    """`steps` are (symbol, order id, buy, price, quantity), or (symbol, order id) for a cancel; ids count from 1."""

    name: str
    symbols: list[str]
    steps: list[tuple[Any, ...]]
    live: int


class Sketch:
    """The least of a book that a tape needs while it is written: touch prices and who is live."""

    def __init__(self) -> None:
        self.sides: dict[bool, dict[int, list[list[int]]]] = {True: {}, False: {}}
        self.prices: dict[bool, list[int]] = {True: [], False: []}

    def touch(self, buy: bool) -> int | None:
        prices = self.prices[buy]
        return None if not prices else prices[-1] if buy else prices[0]

    def add(self, buy: bool, price: int, entry: list[int]) -> None:
        if price not in self.sides[buy]:
            self.sides[buy][price] = []
            insort(self.prices[buy], price)
        self.sides[buy][price].append(entry)

    def remove(self, buy: bool, price: int, entry: list[int]) -> None:
        level = self.sides[buy][price]
        level.remove(entry)
        if not level:
            del self.sides[buy][price]
            self.prices[buy].remove(price)


def write(name: str, commands: int, symbols: int, live_target: int, seed: int = SEED) -> Tape:
    """The tape of that seed; `live_target` is what the number of live orders is held near."""
    random = Random(seed)
    names = [f"BXJ-1-SX1-26W{number:02}" for number in range(1, symbols + 1)]
    weights = [1 / rank for rank in range(1, symbols + 1)]
    sketches = {symbol: Sketch() for symbol in names}
    steps: list[tuple[Any, ...]] = []
    where: dict[int, tuple[str, bool, int, list[int]]] = {}
    ids: list[int] = []
    position: dict[int, int] = {}
    last_id = 0
    live_sum = 0

    def forget(order_id: int) -> None:
        symbol, buy, price, entry = where.pop(order_id)
        sketches[symbol].remove(buy, price, entry)
        index = position.pop(order_id)
        moved = ids.pop()
        if moved != order_id:
            ids[index] = moved
            position[moved] = index

    for _ in range(commands):
        live_sum += len(ids)
        chance = random.random()
        # The shares are 50, 40 and 10 of a hundred; too many live turn a passive order into a cancel, and the reverse.
        if chance < 0.5:
            kind = PASSIVE if len(ids) < live_target * 1.02 else 0
        elif chance < 0.9:
            kind = 0 if len(ids) > live_target * 0.98 else PASSIVE
        else:
            kind = AGGRESSIVE
        if kind == 0:
            order_id = ids[random.randrange(len(ids))]
            steps.append((where[order_id][0], order_id))
            forget(order_id)
            continue
        symbol = random.choices(names, weights)[0] if symbols > 1 else names[0]
        sketch = sketches[symbol]
        buy = random.random() < 0.5
        opposite = sketch.touch(not buy)
        own = sketch.touch(buy)
        last_id += 1
        if kind == PASSIVE or opposite is None:
            distance = 1
            while random.random() >= 0.12:
                distance += 1
            base = opposite if opposite is not None else (own if own is not None else 10_000)
            price = base - distance if buy else base + distance
            quantity = random.randint(1, 100)
        else:
            price = opposite + 10 if buy else opposite - 10
            quantity = max(1, round(random.expovariate(1 / 50)))
        price = max(price, 1)
        steps.append((symbol, last_id, buy, price, quantity))
        while quantity:
            touch = sketch.touch(not buy)
            if touch is None or (touch > price if buy else touch < price):
                break
            entry = sketch.sides[not buy][touch][0]
            fill = min(quantity, entry[1])
            quantity -= fill
            entry[1] -= fill
            if not entry[1]:
                forget(entry[0])
        if quantity:
            entry = [last_id, quantity]
            sketch.add(buy, price, entry)
            where[last_id] = (symbol, buy, price, entry)
            position[last_id] = len(ids)
            ids.append(last_id)
    return Tape(name, names, steps, live_sum // commands)


def commands_of(tape: Tape) -> list[Command]:
    """The tape for `Market.apply`: every buyer is one participant and every seller another, so nobody meets himself."""
    sides = {step[1]: step[2] for step in tape.steps if len(step) == 5}
    return [
        PlaceOrder(step[1], 1 if step[2] else 2, step[0], "buy" if step[2] else "sell", step[4], price=step[3])
        if len(step) == 5
        else CancelOrder(step[1], 1 if sides[step[1]] else 2)
        for step in tape.steps
    ]


def opened(tape: Tape) -> Market:
    market = Market()
    for symbol in tape.symbols:
        market.apply(DefineInstrument(symbol))
    return market


def race(tape: Tape) -> dict[str, float]:
    """Processor and wall seconds of the floor for the whole tape."""
    apply = opened(tape).apply
    commands = commands_of(tape)
    gc.collect()
    wall, processor = perf_counter(), process_time()
    for command in commands:
        apply(command)
    return {"processor": process_time() - processor, "wall": perf_counter() - wall}


def race_of_peer(tape: Tape) -> dict[str, float]:
    """The same of lightmatchingengine, which gives ids of its own, counting from 1 as the tape's do."""
    engine = LightMatchingEngine()
    add, cancel = engine.add_order, engine.cancel_order
    steps = [
        (step[0], step[3], step[4], Side.BUY if step[2] else Side.SELL) if len(step) == 5 else (step[1], step[0])
        for step in tape.steps
    ]
    gc.collect()
    wall, processor = perf_counter(), process_time()
    for step in steps:
        if len(step) == 4:
            add(*step)
        else:
            cancel(*step)
    return {"processor": process_time() - processor, "wall": perf_counter() - wall}


def agree(tape: Tape) -> None:
    """Both engines trade the same quantity at the same prices on the tape: otherwise the race means nothing."""
    market, engine = opened(tape), LightMatchingEngine()
    for command, step in zip(commands_of(tape), tape.steps, strict=True):
        events = market.apply(command)
        ours: dict[int, int] = {}
        theirs: dict[int, int] = {}
        for event in events:
            if isinstance(event, TradeExecuted):
                ours[event.price] = ours.get(event.price, 0) + event.quantity
        if len(step) == 5:
            side = Side.BUY if step[2] else Side.SELL
            for trade in engine.add_order(step[0], step[3], step[4], side)[1]:
                if trade.trade_side == side:
                    theirs[trade.trade_price] = theirs.get(trade.trade_price, 0) + trade.trade_qty
        else:
            assert engine.cancel_order(step[1], step[0]) is not None
        assert ours == theirs, (command, ours, theirs)


def latencies(tape: Tape) -> dict[str, float]:
    """Median and 99th percentile, in nanoseconds, of one `apply`, the clock's own cost included."""
    apply = opened(tape).apply
    taken = []
    for command in commands_of(tape):
        begun = perf_counter_ns()
        apply(command)
        taken.append(perf_counter_ns() - begun)
    taken.sort()
    return {"median": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100]}


def growth(orders: int) -> dict[str, float]:
    """What a book with that many resting orders takes, ten a level: bytes an order, nanoseconds a command.

    The commands add and cancel at random levels, half of them new ones, and trade at the touch.
    """
    random = Random(SEED)
    half = max(1, orders // 20)
    market = Market()
    tracemalloc.start()
    market.apply(DefineInstrument("X"))
    for number in range(1, orders + 1):
        buy = number % 2 == 0
        price = 2_000_000 + (-1 - random.randrange(half) if buy else random.randrange(half))
        market.apply(PlaceOrder(number, 1 if buy else 2, "X", "buy" if buy else "sell", 50, price=price))
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    levels = len(market.levels("X", "buy")) + len(market.levels("X", "sell"))
    commands: list[Command] = []
    number = orders
    for _ in range(20_000):
        number += 3
        commands.append(PlaceOrder(number, 1, "X", "buy", 50, price=2_000_000 - 1 - random.randrange(2 * half)))
        commands.append(CancelOrder(number, 1))
        commands.append(PlaceOrder(number + 1, 2, "X", "sell", 50, price=2_000_000))
        commands.append(PlaceOrder(number + 2, 1, "X", "buy", 50, price=2_000_000))
    return {"levels": levels, "bytes": size // orders, "ns": nanoseconds(market, commands)}


def spread(instruments: int) -> dict[str, float]:
    """Nanoseconds of a command where 100,000 orders rest on that many instruments, at five prices of each side.

    Orders are added at those prices and cancelled, and others trade between them: four commands to an instrument chosen
    at random, and (`turns`) 800, which leave the processor's caches time to learn an instrument.
    """
    random = Random(SEED)
    market = Market()
    symbols = [f"X{number}" for number in range(instruments)]
    for symbol in symbols:
        market.apply(DefineInstrument(symbol))
    number = 0
    commands: list[Command] = []
    for pair in range(50_000):
        for buy in (True, False):
            number += 1
            distance = 1 + pair // instruments % 5
            price = 10_000 - distance if buy else 10_000 + distance
            symbol = symbols[pair % instruments]
            commands.append(PlaceOrder(number, 1 if buy else 2, symbol, "buy" if buy else "sell", 50, price=price))
    nanoseconds(market, commands)
    costs = []
    for run in (1, 200):
        commands = []
        for turn in range(50_000):
            number += 3
            if turn % run == 0:
                symbol = random.choice(symbols)
            commands.append(PlaceOrder(number, 1, symbol, "buy", 50, price=10_000 - 1 - random.randrange(5)))
            commands.append(CancelOrder(number, 1))
            commands.append(PlaceOrder(number + 1, 2, symbol, "sell", 50, price=10_000))
            commands.append(PlaceOrder(number + 2, 1, symbol, "buy", 50, price=10_000))
        costs.append(nanoseconds(market, commands))
    return {"ns": costs[0], "turns": costs[1]}


def console(file: Path) -> dict[str, float]:
    """`python -m matching FILE`: wall seconds and peak kilobytes."""
    begun = perf_counter()
    child = subprocess.Popen([sys.executable, "-P", "-m", "matching", str(file)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    assert status == 0
    return {"wall": perf_counter() - begun, "peak_kb": used.ru_maxrss}


def nanoseconds(market: Market, commands: Sequence[Command]) -> float:
    """Processor time of a command of these."""
    apply = market.apply
    gc.collect()
    begun = process_time()
    for command in commands:
        apply(command)
    return (process_time() - begun) / len(commands) * 1e9


# One measurement a process

OF_A_TAPE = {"race": race, "race_of_peer": race_of_peer, "latencies": latencies}
OF_A_NUMBER = {"growth": growth, "spread": spread}


def floors() -> dict[str, str]:
    """How the floor can be run here: its name and the PYTHONPATH that finds it so."""
    found = {"interpreted": str(ROOT)}
    sources = {path.name: path.read_bytes() for path in (ROOT / "matching").glob("*.py")}
    copies = {path.name: path.read_bytes() for path in (COMPILED / "matching").glob("*.py")}
    if not copies:
        print("compiled: not built; ./dev compile builds it\n")
    elif copies != sources:
        print("compiled: built from other sources; ./dev compile builds it anew\n")
    else:
        found["compiled"] = os.pathsep.join([str(COMPILED), str(ROOT)])
    return found


def measure(path: str, name: str, argument: Path | int) -> dict[str, float]:
    """Run a measurement with the floor that `path` finds, on the tape of a file or with a number."""
    done = subprocess.run(
        [sys.executable, "-P", __file__, "--measure", name, str(argument)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measured(name: str, argument: str) -> None:
    """The other end of `measure`."""
    if name in OF_A_NUMBER:
        result = OF_A_NUMBER[name](int(argument))
    elif name in OF_A_TAPE:
        result = OF_A_TAPE[name](read(Path(argument)))
    else:
        result = console(Path(argument))
    print(json.dumps(result))


def read(path: Path) -> Tape:
    return Tape(**pickle.loads(path.read_bytes()))


# Tables


def race_table(tapes: dict[str, Path], rounds: int, found: dict[str, str]) -> None:
    peer = "lightmatchingengine"
    print(f"{'thousand commands a second':<34}{'processor':>10}{'wall':>8}{'ratio':>8}{'median ns':>11}{'p99 ns':>9}")
    for name, path in tapes.items():
        tape = read(path)
        agree(Tape(name, tape.symbols, tape.steps[:50_000], tape.live))
        count = len(tape.steps)
        print(f"{name}, {tape.live:,} live", flush=True)
        seconds: dict[str, list[dict[str, float]]] = {engine: [] for engine in (peer, *found)}
        for _ in range(rounds):
            seconds[peer].append(measure(found["interpreted"], "race_of_peer", path))
            for floor, where in found.items():
                seconds[floor].append(measure(where, "race", path))
        for engine, runs in seconds.items():
            processor, wall = (median(count / run[clock] / 1e3 for run in runs) for clock in ("processor", "wall"))
            ratio = median(
                theirs["processor"] / ours["processor"] for theirs, ours in zip(seconds[peer], runs, strict=True)
            )
            line = f"    {engine:<30}{processor:>10,.0f}{wall:>8,.0f}{ratio:>8.2f}"
            if engine != peer:
                latency = measure(found[engine], "latencies", path)
                line += f"{latency['median']:>11,.0f}{latency['p99']:>9,.0f}"
            print(line, flush=True)


def growth_table(sizes: Sequence[int], found: dict[str, str]) -> None:
    names = "".join(f"{floor:>14}" for floor in found)
    print(f"\n{'resting orders':>14}{'levels':>10}{'bytes/order':>13}   ns/command:{names}")
    for size in sizes:
        results = [measure(path, "growth", size) for path in found.values()]
        costs = "".join(f"{result['ns']:>14,.0f}" for result in results)
        print(f"{size:>14,}{results[0]['levels']:>10,}{results[0]['bytes']:>13,}{'':>14}{costs}", flush=True)
    print(f"\n{'instruments':>14}{'commands in a row':>23}   ns/command:{names}")
    for instruments in (1, 100, 10_000):
        runs = [measure(path, "spread", instruments) for path in found.values()]
        for row, key in (("4", "ns"), ("800", "turns")):
            costs = "".join(f"{run[key]:>14,.0f}" for run in runs)
            print(f"{instruments:>14,}{row:>23}{'':>14}{costs}", flush=True)


def console_table(tape: Tape, folder: Path, found: dict[str, str]) -> None:
    """The console's rate, its output thrown away, and its memory after a short tape and after the long one."""
    names = "".join(f"{floor:>14}" for floor in found)
    print(f"\n{'console, lines':>14}{'':>20}lines/s, MB:{names}")
    commands: list[Command] = [*(DefineInstrument(symbol) for symbol in tape.symbols), *commands_of(tape)]
    for length in (len(commands) // 10, len(commands)):
        file = folder / f"{length}.ndjson"
        file.write_bytes(msgspec.json.Encoder().encode_lines(commands[:length]))
        costs = ""
        for path in found.values():
            result = measure(path, "console", file)
            both = f"{length / result['wall']:,.0f}, {result['peak_kb'] / 1024:.0f}"
            costs += f"{both:>14}"
        print(f"{length:>14,}{'':>37}{costs}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The matching floor beside lightmatchingengine.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the commands, one round, smaller books")
    parser.add_argument("--commands", type=int, help="length of each tape (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, help="rounds of each race; the median counts (default: 3)")
    parser.add_argument("--sizes", type=int, nargs="*", help="resting orders of the table of growth")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "ARGUMENT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.measure:
        measured(*chosen.measure)
        return 0
    commands = chosen.commands or (100_000 if chosen.quick else 1_000_000)
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    sizes = chosen.sizes
    if sizes is None:
        sizes = [1_000, 10_000, 100_000] if chosen.quick else [1_000, 10_000, 100_000, 1_000_000]
    found = floors()
    with TemporaryDirectory() as folder:
        tapes: dict[str, Path] = {}
        for number, (name, symbols, live) in enumerate(
            (("tape 1: one instrument", 1, 3_000), ("tape 2: 64 instruments, Zipf", 64, 29_000))
        ):
            tapes[name] = Path(folder) / f"{number}.tape"
            tapes[name].write_bytes(pickle.dumps(vars(write(name, commands, symbols, live))))
        race_table(tapes, rounds, found)
        print("    elsewhere, the same kind of tape: liquibook (C++) 2,900-3,210; Node peers 110-176")
        growth_table(sizes, found)
        console_table(read(next(iter(tapes.values()))), Path(folder), found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
