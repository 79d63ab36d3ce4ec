"""A market's state as bytes: canonical, and enough to go on from."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from matching import Market
from matching.messages import (
    AdvanceTime,
    Command,
    DefineInstrument,
    ListLot,
    MassCancel,
    PlaceOrder,
    SetPhase,
)
from tests.strategies import SYMBOLS, from_seed

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "matching"


def tape(seed: int, length: int) -> list[Command]:
    writer = from_seed(seed)
    market = Market()
    commands: list[Command] = [writer.opening(symbol) for symbol in SYMBOLS]
    for command in commands:
        market.apply(command)
    for _ in range(length):
        commands.append(writer.command(market))
        market.apply(commands[-1])
    return commands


@pytest.mark.parametrize("seed", range(20))
def test_a_restored_market_goes_on_as_the_other_one_does_wherever_it_was_cut(seed: int) -> None:
    commands = tape(seed, 120)
    market = Market()
    for number, command in enumerate(commands):
        if number % 10 == 0:
            market = Market.restore(market.snapshot())
        market.apply(command)
    whole = Market()
    for command in commands:
        whole.apply(command)
    assert market.snapshot() == whole.snapshot()
    market.audit()


def test_asking_by_participant_is_no_part_of_the_state() -> None:
    commands = tape(3, 200)
    asked, silent = Market(), Market()
    for command in commands:
        asked.apply(command)
        silent.apply(command)
        for participant_id in range(6):
            asked.orders_of(participant_id)
        asked.audit()
    assert asked.snapshot() == silent.snapshot()
    for participant_id in range(6):
        mine = [view for view in silent.orders() if view.participant_id == participant_id]
        assert asked.orders_of(participant_id) == mine


@pytest.mark.parametrize("seed", [seed for seed in range(60) if from_seed(seed).offers])
def test_nothing_is_kept_of_offers_that_ended(seed: int) -> None:
    market = Market()
    for command in tape(seed, 200):
        market.apply(command)
    for participant_id in range(1, 10):
        market.apply(MassCancel(participant_id))
    for symbol in SYMBOLS:
        market.apply(SetPhase(symbol, "closed"))
    assert market.next_deadline_ns() is None
    assert market._board.live == {}
    assert market._board._by_symbol == {}
    assert market._board._by_party == {}
    assert not market._board._by_deadline
    market.audit()


def test_a_lively_board_ends_by_time_alone() -> None:
    market = Market()
    market.apply(DefineInstrument("BXJ", mode="listing"))
    for number in range(1, 1001):
        market.apply(ListLot(listing_id=number, participant_id=number % 7, symbol="BXJ", quantity=5, price=100,
                             lot_id=number, expires_ns=1 + number % 13))  # fmt: skip
    events = market.apply(AdvanceTime(20))
    closed = [event.listing_id for event in events]
    assert closed == sorted(range(1, 1001), key=lambda number: (1 + number % 13, number))
    assert market._board.live == {}


def test_bytes_that_are_no_state_are_refused() -> None:
    with pytest.raises(msgspec.MsgspecError):
        Market.restore(b"\x00nothing")
    state = msgspec.msgpack.decode(Market().snapshot())
    with pytest.raises(ValueError, match="version 99"):
        Market.restore(msgspec.msgpack.encode([99, *state[1:]]))


def test_nothing_is_kept_of_orders_that_ended() -> None:
    market = Market()
    for command in tape(5, 300):
        market.apply(command)
    for participant_id in range(1, 6):
        for view in market.orders_of(participant_id):
            market.apply(PlaceOrder(view.order_id, participant_id, view.symbol, view.side, 1))
            market.apply(msgspec.convert({"type": "cancel_order", "order_id": view.order_id,
                                          "participant_id": participant_id}, Command))  # fmt: skip
    assert list(market.orders()) == []
    assert market._orders == {}
    assert market._owned == {}
    assert not market._deadlines
    for instrument in market._instruments.values():
        for ladder in (instrument.bids, instrument.asks, instrument.buy_stops, instrument.sell_stops):
            assert not ladder.levels
    market.audit()


def test_a_market_without_offers_writes_the_bytes_it_wrote_before_there_were_any() -> None:
    market = Market()
    market.apply(DefineInstrument("GJ"))
    market.apply(PlaceOrder(1, 1, "GJ", "buy", 5, price=100))
    assert len(msgspec.msgpack.decode(market.snapshot())) == 5
    market.apply(DefineInstrument("BXJ", mode="listing"))
    market.apply(ListLot(listing_id=2, participant_id=1, symbol="BXJ", quantity=5, price=100, lot_id=3))
    assert len(msgspec.msgpack.decode(market.snapshot())) == 6


@pytest.mark.parametrize("name", ["all", "offers"])
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_golden_tape_leads_to_the_recorded_state_under_any_hash_seed(hash_seed: str, name: str) -> None:
    program = (
        "import hashlib, sys; from pathlib import Path; import msgspec; from matching import Market;"
        "from matching.messages import Command; market = Market();"
        "[market.apply(c) for c in msgspec.json.Decoder(Command).decode_lines(Path(sys.argv[1]).read_bytes())];"
        "print(hashlib.sha256(market.snapshot()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(GOLDEN / f"{name}.commands.jsonl")],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    assert done.stdout.strip() == (GOLDEN / f"{name}.state.sha256").read_text().strip()


@pytest.mark.parametrize(("name", "orders", "offers"), [("all", 10, 0), ("offers", 0, 10)])
def test_the_recorded_state_is_that_of_a_market_with_live_orders_or_offers(name: str, orders: int, offers: int) -> None:
    market = Market()
    for command in msgspec.json.Decoder(Command).decode_lines((GOLDEN / f"{name}.commands.jsonl").read_bytes()):
        market.apply(command)
    assert len(list(market.orders())) >= orders
    assert len(market._board.live) >= offers
    assert hashlib.sha256(market.snapshot()).hexdigest() == (GOLDEN / f"{name}.state.sha256").read_text().strip()
