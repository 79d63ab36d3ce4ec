"""Who floods the venue floods himself: bounds for all, for each, and places kept for cancels and for the venue."""

import asyncio
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.clock import ManualClock
from exchange.protocol import Command
from exchange.replay import replay
from exchange.sequencer import Sequencer
from exchange.sqlite_journal import SqliteJournal
from exchange.waiting_room import ADDING, CANCELLING, OWN, Lack, WaitingRoom
from matching.messages import AdvanceTime, AmendOrder, CancelOrder, MassCancel, SetPhase
from settlement.messages import Deposit, EnterOrder, WeighLot
from tests.exchange.tally import Tally
from web.ports import DatabaseBehind, Outcome, VenueBusy

DEADLINE_SECONDS = 30
FLOODER, SLOW = 7, 8
NOBODY: Any = None


def order(participant_id: int, number: int = 0) -> EnterOrder:
    return EnterOrder(
        participant_id=participant_id,
        client_order_id=f"{participant_id}-{number}",
        symbol="BXJ-1-SX1-26W47",
        side="buy",
        quantity=1,
        price=250,
    )


def fill(room: WaitingRoom, command: Command, lack: Lack) -> int:
    """How many of a command come in before there is a lack of that."""
    for number in range(1_000_000):
        refused = room.lets_in(command, NOBODY)
        if refused is not None:
            assert refused == lack
            return number
    raise AssertionError("without end")


# --- the room


def test_one_participant_gets_his_share_and_the_others_theirs() -> None:
    room = WaitingRoom(1_024, shares=8)
    assert fill(room, order(FLOODER), "share") == 112
    assert fill(room, CancelOrder(1, FLOODER), "share") == 16, "the rest of his share is for cancels"
    assert room.held(FLOODER) == 128
    assert fill(room, order(SLOW), "share") == 112
    assert fill(room, WeighLot(operator_id=2, lot_id=1, gross_g=2, tare_g=1, scale_id="x"), "share") == 112


def test_places_are_kept_for_cancels_and_behind_them_for_the_venue() -> None:
    room = WaitingRoom(1_024, shares=1)
    assert fill(room, order(FLOODER), "room") == 896
    assert fill(room, Deposit(participant_id=FLOODER, amount_fen=1, reference="x"), "room") == 0
    assert fill(room, MassCancel(SLOW), "room") == 112
    assert fill(room, SetPhase("BXJ-1-SX1-26W47", "halted"), "room") == 16
    assert len(room) == 1_024


def test_whoever_leaves_makes_room_for_himself() -> None:
    room = WaitingRoom(64, shares=8)
    assert fill(room, order(FLOODER), "share") == 7
    room.lets_in(order(SLOW), NOBODY)
    assert [waiting.sender for waiting in room.next(3)] == [FLOODER] * 3
    assert (room.held(FLOODER), room.held(SLOW)) == (4, 1)
    assert fill(room, order(FLOODER), "share") == 3
    assert len(room.clear()) == 8
    assert (room.held(FLOODER), room.held(SLOW), len(room)) == (0, 0, 0)


def test_a_deposit_is_not_its_beneficiarys_doing() -> None:
    room = WaitingRoom(64, shares=8)
    assert fill(room, order(FLOODER), "share") == 7
    assert room.lets_in(Deposit(participant_id=FLOODER, amount_fen=1, reference="x"), NOBODY) is None


def test_every_command_has_a_way_in() -> None:
    kinds = set(get_args(Command))
    assert ADDING | CANCELLING | (OWN - {type(None)}) <= kinds
    assert not ADDING & CANCELLING
    adding = {kind.__name__ for kind in ADDING}
    entering = {kind.__name__ for kind in kinds if kind.__name__.startswith("Enter")}
    assert adding == entering | {"AmendOrder", "AcceptCounter"}


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.lists(st.tuples(st.sampled_from(["order", "cancel", "phase", "time", "leave"]), st.integers(1, 5))),
)
def test_bounds_and_order_hold_whatever_comes(size: int, shares: int, steps: list[tuple[str, int]]) -> None:
    room = WaitingRoom(size, shares)
    share = max(1, size // shares)
    expected: list[Command | None] = []
    for step, number in steps:
        if step == "leave":
            left = [waiting.command for waiting in room.next(number)]
            assert left == expected[:number]
            expected = expected[number:]
            continue
        command: Command | None = None
        if step == "order":
            command = order(number, len(expected))
        elif step == "cancel":
            command = CancelOrder(1, number)
        elif step == "phase":
            command = SetPhase("A", "halted")
        if room.lets_in(command, NOBODY) is None:
            expected.append(command)
        held = [getattr(command, "participant_id", 0) for command in expected]
        assert all(held.count(participant_id) == room.held(participant_id) <= share for participant_id in range(1, 6))
        assert len(room) == len(expected) <= size


# --- under a sequencer


async def sequencing(path: Path, **options: int) -> Sequencer:
    journal = SqliteJournal(path / "journal.sqlite")
    return Sequencer(replay(journal, Tally), journal, ManualClock(1), **options)


async def test_a_flood_is_its_senders_own_trouble(tmp_path: Path) -> None:
    """One sends as much as he can, ten others one order after the other. He is refused, they never are, and none of
    them waits for more batches than the flooder's share fills.
    """
    sequencer = await sequencing(tmp_path, batch_commands=64, maximum_waiting=4_096, shares=8)
    done = False
    refused = taken = 0
    waited: list[int] = []
    took: list[float] = []

    async def flood() -> None:
        nonlocal refused, taken
        number = 0
        while not done:
            try:
                while True:
                    number += 1
                    sequencer.offer(order(FLOODER, number))
                    taken += 1
            except VenueBusy as busy:
                refused += busy.own and busy.retry_after_ms > 0
            await asyncio.sleep(0)

    async def trade(participant_id: int) -> None:
        for number in range(30):
            before, began = sequencer.statistics.batches, time.perf_counter()
            await sequencer.submit(order(participant_id, number))
            waited.append(sequencer.statistics.batches - before)
            took.append(time.perf_counter() - began)

    async with asyncio.timeout(DEADLINE_SECONDS):
        flooding = asyncio.ensure_future(flood())
        await asyncio.gather(*(trade(participant_id) for participant_id in range(SLOW, SLOW + 10)))
        done = True
        await flooding
        await sequencer.close()
    assert len(took) == 300, "nobody else was refused"
    assert refused > 0
    assert sequencer.statistics.refused_share == sequencer.statistics.refused_busy == refused
    # 448 places of his orders and 10 of the others make 8 batches; one is under way, one is being filled.
    assert max(waited) <= 10
    print(f"flooder: {taken} taken, {refused} turns refused; others: {max(waited)} batches, {max(took) * 1e3:.1f} ms")


async def test_a_cancel_gets_in_where_orders_are_refused(tmp_path: Path) -> None:
    sequencer = await sequencing(tmp_path, maximum_waiting=128, shares=1)
    answers: list[asyncio.Future[Outcome]] = [sequencer.offer(order(FLOODER)) for _ in range(112)]
    with pytest.raises(VenueBusy):
        sequencer.offer(order(FLOODER))
    answers.append(sequencer.offer(CancelOrder(1, FLOODER)))
    answers.append(sequencer.offer(MassCancel(SLOW)))
    with pytest.raises(VenueBusy) as busy:
        sequencer.offer(order(SLOW))
    assert not busy.value.own
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert [(await answer).sequence for answer in answers] == list(range(1, 115))
        await sequencer.close()


async def test_a_pause_refuses_what_may_lead_to_trades_and_nothing_else(tmp_path: Path) -> None:
    sequencer = await sequencing(tmp_path)
    before = sequencer.offer(order(SLOW, 1))
    sequencer.pause("the database is 5 commands behind")
    assert sequencer.paused == "the database is 5 commands behind"
    for command in (order(SLOW, 2), AmendOrder(1, SLOW, quantity=5)):
        with pytest.raises(DatabaseBehind, match="5 commands behind"):
            sequencer.offer(command)
    assert sequencer.statistics.refused_behind == 2
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert (await before).sequence == 1, "what was taken is done"
        for taken in (CancelOrder(1, SLOW), MassCancel(SLOW), AdvanceTime(1), SetPhase("A", "halted")):
            await sequencer.submit(taken)
        await sequencer.submit(Deposit(participant_id=SLOW, amount_fen=1, reference="x"))
        sequencer.resume()
        assert sequencer.paused is None
        assert (await sequencer.submit(order(SLOW, 2))).sequence == 7
        await sequencer.close()
