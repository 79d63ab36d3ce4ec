"""How fast the floor matches, beside PyPI's `lightmatchingengine`, on the same seeded tapes in one run.

Tape 1: one instrument; 50 % passive limit orders at a geometric distance (p = 0.12) from the opposite touch, quantity
1-100; 40 % cancels of a random live order; 10 % limit orders ten ticks through the touch, quantity exponential with
mean 50, the rest resting; live orders held near 3,000. Tape 2: the same over 64 instruments with Zipf weights, about
29,000 live. Commands are built before the clock starts, and both engines are given exactly the same ones.

    python tests/benchmarks/bench_matching.py [--commands N] [--rounds N]
"""

import argparse
import gc
import sys
import tracemalloc
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter_ns, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

from matching import Market
from matching.messages import CancelOrder, Command, DefineInstrument, PlaceOrder, TradeExecuted

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


def time_ours(tape: Tape) -> float:
    market = opened(tape)
    apply = market.apply
    commands = commands_of(tape)
    gc.collect()
    begun = process_time()
    for command in commands:
        apply(command)
    return process_time() - begun


def time_theirs(tape: Tape) -> float:
    """The peer gives ids of its own, counting from 1 as the tape's do."""
    engine = LightMatchingEngine()
    add, cancel = engine.add_order, engine.cancel_order
    steps = [
        (step[0], step[3], step[4], Side.BUY if step[2] else Side.SELL) if len(step) == 5 else (step[1], step[0])
        for step in tape.steps
    ]
    gc.collect()
    begun = process_time()
    for step in steps:
        if len(step) == 4:
            add(*step)
        else:
            cancel(*step)
    return process_time() - begun


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


def latencies(tape: Tape) -> tuple[int, int]:
    """(median, 99th percentile) nanoseconds of one `apply`, the clock's own cost included."""
    market = opened(tape)
    apply = market.apply
    taken = []
    for command in commands_of(tape):
        begun = perf_counter_ns()
        apply(command)
        taken.append(perf_counter_ns() - begun)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def filled(orders: int) -> tuple[Market, int]:
    """A market with that many resting orders on orders / 10 levels, and the bytes that each takes."""
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
    return market, size // orders


def cost_in(market: Market, orders: int) -> float:
    """Nanoseconds of a command when the book holds that many: add, then cancel, at random levels; and a trade."""
    random = Random(SEED)
    half = max(1, orders // 20)
    commands: list[Command] = []
    number = orders
    for _ in range(20_000):
        number += 3
        commands.append(PlaceOrder(number, 1, "X", "buy", 50, price=2_000_000 - 1 - random.randrange(2 * half)))
        commands.append(CancelOrder(number, 1))
        commands.append(PlaceOrder(number + 1, 2, "X", "sell", 50, price=2_000_000))
        commands.append(PlaceOrder(number + 2, 1, "X", "buy", 50, price=2_000_000))
    apply = market.apply
    gc.collect()
    begun = process_time()
    for command in commands:
        apply(command)
    return (process_time() - begun) / len(commands) * 1e9


def race(tape: Tape, rounds: int) -> tuple[float, float]:
    """(ours, theirs) in thousand commands a second of processor time: medians of rounds run in turn."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(len(tape.steps) / time_ours(tape) / 1e3)
        theirs.append(len(tape.steps) / time_theirs(tape) / 1e3)
    return median(ours), median(theirs)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The matching floor beside lightmatchingengine.")
    parser.add_argument("--commands", type=int, default=1_000_000, help="length of each tape (default: 1,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement; the median counts")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000, 1_000_000])
    chosen = parser.parse_args(arguments)

    print(f"{'tape':<28}{'live':>8}{'ours k/s':>12}{'peer k/s':>12}{'ratio':>8}{'median ns':>11}{'p99 ns':>9}")
    for name, symbols, live in (("1: one instrument", 1, 3_000), ("2: 64 instruments, Zipf", 64, 29_000)):
        tape = write(name, chosen.commands, symbols, live)
        agree(Tape(name, tape.symbols, tape.steps[:50_000], tape.live))
        ours, theirs = race(tape, chosen.rounds)
        middle, tail = latencies(tape)
        print(
            f"{name:<28}{tape.live:>8,}{ours:>12,.0f}{theirs:>12,.0f}{ours / theirs:>8.2f}{middle:>11,}{tail:>9,}",
            flush=True,
        )

    print(f"\n{'resting orders':>14}{'levels':>10}{'bytes/order':>13}{'ns/command':>12}")
    for size in chosen.sizes:
        market, each = filled(size)
        levels = len(market.levels("X", "buy")) + len(market.levels("X", "sell"))
        print(f"{size:>14,}{levels:>10,}{each:>13,}{cost_in(market, size):>12,.0f}", flush=True)
    print("\ncontext, elsewhere: liquibook (C++) 2,900-3,210 k/s, Node peers 110-176 k/s on the same kind of tape")
    return 0


if __name__ == "__main__":
    sys.exit(main())
