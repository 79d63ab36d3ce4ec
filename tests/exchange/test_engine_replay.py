"""The same commands give the same events and state: again, after a restart, in another process, in other batches."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest

from exchange.engine import ENGINE_VERSION, Engine, EngineState
from exchange.protocol import encode
from matching.messages import AdvanceTime
from settlement.messages import EnterOrder
from tests.exchange.floor import CHEN, HOUR_NS, LI, MONDAY, SYMBOL, WANG, Floor

ROOT = Path(__file__).parents[2]


def a_busy_week(seed: int) -> Floor:
    """Some hundred random orders of all kinds, cancels, amendments, auctions, deliveries, and days that pass."""
    random = Random(seed)
    floor = Floor()
    for participant_id in (CHEN, LI, WANG):
        floor.deposit(participant_id, 10_000_000)
    for harvest in ("2026-11-16", "2026-11-18", "2026-11-20"):
        floor.receipt(CHEN, 1_234_567, harvest_date=harvest, cartons=500)
    symbols = floor.engine.market.symbols()
    for _ in range(300):
        who = random.choice((CHEN, LI, WANG))
        orders = floor.engine.live_orders(who)
        chance = random.random()
        if chance < 0.6:
            floor.enter(
                who,
                random.choice(("buy", "sell")),
                random.randint(1, 200),
                random.randint(245, 255),
                symbol=random.choice(symbols),
                time_in_force=random.choice(("gtc", "gtc", "day", "ioc")),
                display_quantity=None,
            )
        elif chance < 0.7 and orders:
            floor.cancel(random.choice(orders))
        elif chance < 0.8 and orders:
            floor.amend(random.choice(orders), price=random.randint(245, 255), quantity=random.randint(1, 200))
        elif chance < 0.83:
            floor.phase(random.choice(("auction", "continuous", "continuous", "halted")), random.choice(symbols))
        elif chance < 0.86:
            receipts = floor.engine.receipts(who)
            if receipts:
                floor.order_delivery(who, random.choice(receipts).receipt_id)
        elif chance < 0.9:
            floor.wait_until(floor.time_ns + random.randint(1, 20) * HOUR_NS)
    return floor


def replayed(floor: Floor) -> Engine:
    engine = Engine()
    for command, time_ns in floor.commands:
        engine.execute(command, engine.sequence + 1, time_ns)
    return engine


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_commands_lead_to_the_same_state(seed: int) -> None:
    floor = a_busy_week(seed)
    again = replayed(floor)
    assert again.snapshot() == floor.engine.snapshot()
    assert again.state_hash() == floor.engine.state_hash()
    assert len(again.state_hash()) == 32


def test_an_engine_restored_half_way_goes_on_the_same() -> None:
    floor = a_busy_week(4)
    first, second = Engine(), Engine()
    for number, (command, time_ns) in enumerate(floor.commands):
        if number % 40 == 0:
            second = Engine.restore(second.snapshot())
            second.audit()
        told = first.execute(command, number + 1, time_ns)
        assert second.execute(command, number + 1, time_ns) == told
        assert second.next_deadline_ns() == first.next_deadline_ns()
    assert second.snapshot() == first.snapshot()


def test_time_may_come_before_the_batch_or_with_its_first_command() -> None:
    floor = a_busy_week(5)
    alone, batched = Engine(), Engine()
    for number, (command, time_ns) in enumerate(floor.commands, 1):
        told = alone.execute(command, number, time_ns)
        brought = batched.advance(time_ns, number)
        assert brought + batched.execute(command, number, time_ns) == told
    assert alone.snapshot() == batched.snapshot()


def test_the_hash_of_a_string_decides_nothing() -> None:
    """Two interpreters that order sets of texts differently reach one state."""
    program = (
        "from tests.exchange.test_engine_replay import a_busy_week\nprint(a_busy_week(6).engine.state_hash().hex())\n"
    )
    hashes = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        hashes.append(done.stdout)
    assert hashes[0] == hashes[1]
    assert len(hashes[0].strip()) == 64


def test_what_happens_is_encoded_as_the_journal_needs_it() -> None:
    """No event holds anything that the journal could not read back as the same bytes."""
    from exchange.protocol import decode_events

    floor = a_busy_week(7)
    engine = Engine()
    events = tuple(
        engine.execute(command, number, time_ns) for number, (command, time_ns) in enumerate(floor.commands, 1)
    )
    assert decode_events(encode(events)) == events


def test_every_difference_in_state_is_a_difference_in_hash() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    hashes = [floor.engine.state_hash()]
    offer = floor.sell(CHEN, 10, 250)
    hashes.append(floor.engine.state_hash())
    floor.amend(offer, quantity=9)
    hashes.append(floor.engine.state_hash())
    floor.cancel(offer)
    hashes.append(floor.engine.state_hash())
    floor.buy(LI, 0, 250)
    hashes.append(floor.engine.state_hash())
    floor.wait_until(MONDAY + 1)
    hashes.append(floor.engine.state_hash())
    assert len(set(hashes)) == len(hashes)


def test_client_ids_that_are_forgotten_are_in_the_hash() -> None:
    """The table of ended orders has its own digest, which a restart does not change."""
    floor = Floor()
    floor.deposit(LI, 1_000_000)
    floor.define()
    for number in range(150):
        order = floor.buy(LI, 1, 100, client_order_id=f"a-{number}")
        floor.time_ns += HOUR_NS // 10
        floor.cancel(order)
    engine = floor.engine
    before = engine.state_hash()
    restored = Engine.restore(engine.snapshot())
    assert restored.state_hash() == before
    time_ns = floor.time_ns + 20 * HOUR_NS
    for one in (engine, restored):
        one.execute(AdvanceTime(time_ns), one.sequence + 1, time_ns)
        assert one.order_id_of(LI, "a-0") is None
        assert one.order_id_of(LI, "a-149") is not None
    assert engine.state_hash() == restored.state_hash() != before
    command = EnterOrder(participant_id=LI, client_order_id="a-0", symbol=SYMBOL, side="buy", quantity=1, price=100)
    told = engine.execute(command, engine.sequence + 1, time_ns)
    assert restored.execute(command, restored.sequence + 1, time_ns) == told


def test_another_versions_state_is_refused() -> None:
    state = msgspec.msgpack.decode(Engine().snapshot())
    assert state[0] == ENGINE_VERSION
    assert len(state) == len(EngineState.__struct_fields__)
    state[0] += 1
    with pytest.raises(ValueError, match="engine state version"):
        Engine.restore(msgspec.msgpack.encode(state))
    with pytest.raises(msgspec.MsgspecError):
        Engine.restore(b"not a state")


def test_a_gap_in_the_sequence_or_time_running_back_is_a_bug_of_the_caller() -> None:
    engine = Engine()
    engine.execute(AdvanceTime(MONDAY), 1, MONDAY)
    with pytest.raises(AssertionError, match="sequence 3 follows 1"):
        engine.execute(AdvanceTime(MONDAY), 3, MONDAY)
    with pytest.raises(AssertionError, match="time"):
        engine.execute(AdvanceTime(MONDAY), 2, MONDAY - 1)
