"""How fast the engine is: orders with their reservations, matching, delivery against payment; memory; the state's hash.

    python tests/benchmarks/bench_engine.py [--commands N] [--rounds N]

Eight instruments, 60 participants with money and receipts, batches of 256 commands that share their time. Tapes:
`resting`, new orders that do not trade, cancelled later; `mixed`, half of them new orders near the touch, a third
cancels, the rest orders that trade; `trading`, each second order takes what the one before it offers. Commands are made
before the clock starts, the garbage collector is left alone. The hash of the state is taken each 4,096 commands, as the
sequencer does, and told apart. Figures are processor time, the best of the rounds, each on a fresh engine.
"""

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from exchange.engine import Engine
from exchange.protocol import encode
from matching.messages import CancelOrder, TradeExecuted
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
from settlement.venue import DEFAULT_VENUE

SEED = 20261124
GROWERS, TRADERS, BATCH = 20, 40, 256
OPENED_NS = day_start_ns(day_number("2026-11-23") or 0) + 10 * 3_600 * 10**9
HARVESTS = ("2026-11-09", "2026-11-16")
GRADES = ("1", "2")
WAREHOUSES = ("SX1", "SX2")


def opened() -> tuple[Engine, list[str], list[int]]:
    """A venue with people, money and goods: (engine, symbols, everyone who trades)."""
    engine = Engine()

    def do(command: Any) -> None:
        engine.execute(command, engine.sequence + 1, OPENED_NS)

    do(DEFAULT_VENUE)
    do(RegisterParticipant(name="warehouse", display_name="Warehouse", roles=("warehouse",)))
    for number in range(GROWERS + TRADERS):
        do(RegisterParticipant(name=f"p{number}", display_name="P", roles=("grower", "trader")))
        do(Deposit(participant_id=number + 2, amount_fen=10**13, reference=f"d{number}"))
    lot_id = 0
    for grower in range(2, GROWERS + 2):
        for harvest in HARVESTS:
            for grade in GRADES:
                for warehouse in WAREHOUSES:
                    lot_id += 1
                    announced = AnnounceLot(
                        participant_id=grower,
                        variety="BXJ",
                        grade=grade,
                        warehouse=warehouse,
                        harvest_date=harvest,
                        cartons=40_000,
                        weight_g=10**9,
                        town="town",
                        village="village",
                    )
                    do(announced)
                    do(WeighLot(operator_id=1, lot_id=lot_id, gross_g=10**9 + 1, tare_g=1, scale_id="scale"))
                    do(InspectLot(operator_id=1, lot_id=lot_id, grade=grade, colour_stage=1))
                    do(IssueReceipt(operator_id=1, lot_id=lot_id))
    return engine, engine.market.symbols(), list(range(2, GROWERS + TRADERS + 2))


def tape(name: str, commands: int, symbols: list[str], people: list[int]) -> list[Any]:
    """The commands of that name; order ids are known beforehand, as each new order takes the next."""
    random = Random(SEED)
    made: list[Any] = []
    last_order_id = 0
    recent: list[tuple[int, int]] = []

    def enter(seller: bool, price: int, quantity: int, symbol: str) -> None:
        nonlocal last_order_id
        last_order_id += 1
        participant_id = random.choice(people[:GROWERS] if seller else people[GROWERS:])
        recent.append((last_order_id, participant_id))
        made.append(
            EnterOrder(
                participant_id=participant_id,
                client_order_id=f"order-{last_order_id}",
                symbol=symbol,
                side="sell" if seller else "buy",
                quantity=quantity,
                price=price,
            )
        )

    while len(made) < commands:
        symbol = random.choice(symbols)
        distance = 1 + int(random.expovariate(0.12))
        quantity = random.randint(1, 100)
        chance = random.random()
        if name == "trading":
            enter(True, 250, quantity, symbol)
            enter(False, 250, quantity, symbol)
        elif name == "resting" or chance < 0.5:
            seller = random.random() < 0.5
            enter(seller, 250 + distance if seller else 250 - distance, quantity, symbol)
            if name == "resting" and len(recent) > 3_000:
                made.append(CancelOrder(*recent.pop(random.randrange(len(recent)))))
        elif chance < 0.83:
            if recent:
                made.append(CancelOrder(*recent.pop(random.randrange(max(0, len(recent) - 3_000), len(recent)))))
        else:
            seller = random.random() < 0.5
            enter(seller, 240 if seller else 260, 1 + int(random.expovariate(0.02)), symbol)
    return made[:commands]


def run(engine: Engine, commands: Sequence[Any], hashing: list[float] | None = None) -> list[Any]:
    """Execute in batches, as the sequencer does; all events. Seconds of each hash of the state go into `hashing`."""
    told = []
    time_ns = engine.time_ns
    execute = engine.execute
    for start in range(0, len(commands), BATCH):
        time_ns += 1_000_000
        engine.advance(time_ns, engine.sequence + 1)
        for sequence, command in enumerate(commands[start : start + BATCH], engine.sequence + 1):
            told.append(execute(command, sequence, time_ns))
        if hashing is not None and (start // BATCH) % 16 == 15:
            started = process_time()
            engine.state_hash()
            hashing.append(process_time() - started)
    return told


def measure(name: str, commands: int, rounds: int) -> None:
    took: list[float] = []
    encoded: list[float] = []
    hashed: list[float] = []
    longest: list[float] = []
    trades = live = 0
    for _ in range(rounds):
        engine, symbols, people = opened()
        engine.state_hash()
        made = tape(name, commands, symbols, people)
        hashing: list[float] = []
        gc.collect()
        started = process_time()
        told = run(engine, made, hashing)
        took.append(process_time() - started - sum(hashing))
        hashed.append(sum(hashing))
        longest.append(max(hashing, default=0.0))
        started = process_time()
        for start in range(0, len(told), BATCH):
            encode(told[start : start + BATCH])
        encoded.append(process_time() - started)
        trades = sum(type(event) is TradeExecuted for events in told for event in events)
        live = len(list(engine.market.orders()))
    print(
        f"{name:8}{commands / min(took):9,.0f} commands/s {min(took) / commands * 1e6:6.2f} us each  "
        f"{trades:7,} trades {live:7,} live   hash {min(hashed) / commands * 1e6:5.2f} us, at most "
        f"{min(longest) * 1e3:5.1f} ms   encoding {min(encoded) / commands * 1e6:5.2f} us"
    )


def memory(commands: int) -> None:
    """Bytes that stay of an order while it rests, and while only its client id is remembered."""
    engine, symbols, people = opened()
    made = [command for command in tape("resting", commands, symbols, people) if type(command) is EnterOrder]
    tracemalloc.start()
    run(engine, made)
    gc.collect()
    resting = tracemalloc.get_traced_memory()[0]
    run(engine, [CancelOrder(number, made[number - 1].participant_id) for number in range(1, len(made) + 1)])
    gc.collect()
    ended = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"memory   {resting / len(made):8,.0f} bytes a resting order  {ended / len(made):6,.0f} bytes an ended one")


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the engine is.")
    parser.add_argument("--commands", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tape", choices=("resting", "mixed", "trading"))
    arguments = parser.parse_args()
    for name in ("resting", "mixed", "trading"):
        if arguments.tape in (None, name):
            measure(name, arguments.commands, arguments.rounds)
    if arguments.tape is None:
        memory(min(arguments.commands, 50_000))


if __name__ == "__main__":
    main()
