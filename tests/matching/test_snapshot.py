"""A market's state as bytes: canonical, and enough to go on from."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from matching import Market
from matching.messages import Command, PlaceOrder
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


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_golden_tape_leads_to_the_recorded_state_under_any_hash_seed(hash_seed: str) -> None:
    program = (
        "import hashlib, sys; from pathlib import Path; import msgspec; from matching import Market;"
        "from matching.messages import Command; market = Market();"
        "[market.apply(c) for c in msgspec.json.Decoder(Command).decode_lines(Path(sys.argv[1]).read_bytes())];"
        "print(hashlib.sha256(market.snapshot()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(GOLDEN / "all.commands.jsonl")],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
    )
    assert done.stdout.strip() == (GOLDEN / "all.state.sha256").read_text().strip()


def test_the_recorded_state_is_that_of_a_market_with_live_orders() -> None:
    market = Market()
    for command in msgspec.json.Decoder(Command).decode_lines((GOLDEN / "all.commands.jsonl").read_bytes()):
        market.apply(command)
    assert len(list(market.orders())) > 10
    assert hashlib.sha256(market.snapshot()).hexdigest() == (GOLDEN / "all.state.sha256").read_text().strip()
