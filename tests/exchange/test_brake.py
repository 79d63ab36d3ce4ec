"""Trading pauses while the database is too far behind, cancels go on, and it resumes by itself."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from exchange.brake import Brake
from exchange.clock import ManualClock
from exchange.config import SetupError, load
from exchange.replay import replay
from exchange.sequencer import Sequencer
from exchange.sqlite_journal import SqliteJournal
from matching.messages import MassCancel
from settlement.messages import EnterOrder
from tests.exchange.tally import Tally
from tests.running import found, let_in, lot_cut, serving, take_in
from web.ports import DatabaseBehind

DEADLINE_SECONDS = 30
ORDER = EnterOrder(
    participant_id=4, client_order_id="a", symbol="BXJ-1-SX1-26W47", side="buy", quantity=1, kind="limit", price=250
)


@pytest_asyncio.fixture
async def sequencer(tmp_path: Path) -> AsyncIterator[Sequencer]:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    sequencing = Sequencer(replay(journal, Tally), journal, ManualClock(1))
    yield sequencing
    await sequencing.close()


async def test_it_pauses_beyond_either_bound_and_resumes_at_half_of_both(
    sequencer: Sequencer, caplog: pytest.LogCaptureFixture
) -> None:
    behind = (0, 0.0)
    brake = Brake(sequencer, lambda: behind, commands=100, seconds=60)
    paused: list[bool] = []
    for now in (
        *((100, 60.0), (101, 0.0), (51, 0.0), (50, 0.0), (100, 0.0)),
        *((0, 60.5), (0, 31.0), (51, 1.0), (50, 30.0)),
    ):
        behind = now
        brake.look()
        paused.append(sequencer.paused is not None)
    assert paused == [False, True, True, False, False, True, True, True, False]
    assert brake.pauses == 2
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"] * 2
    assert "the database is 101 commands and 0 seconds behind" in caplog.messages[0]


async def test_a_commit_that_goes_too_far_pauses_at_once_and_time_alone_does(sequencer: Sequencer) -> None:
    projected, seconds = 0, 0.0
    brake = Brake(sequencer, lambda: (sequencer.sequence - projected, seconds), commands=2, seconds=60)
    brake.start()
    async with asyncio.timeout(DEADLINE_SECONDS):
        for _ in range(3):
            await sequencer.submit(ORDER)
        with pytest.raises(DatabaseBehind, match="3 commands and 0 seconds behind"):
            sequencer.offer(ORDER)
        assert (await sequencer.submit(MassCancel(4))).sequence == 4
        projected = 4
        while sequencer.paused is not None:
            await asyncio.sleep(0.01)
        await sequencer.submit(ORDER)
        seconds = 61.0
        while sequencer.paused is None:
            await asyncio.sleep(0.01)
        assert brake.paused_seconds > 0
    brake.stop()


def test_bounds_are_settings() -> None:
    assert load({}, environment={}).pause_lag == 250_000
    assert load({}, environment={"EXCHANGE_PAUSE_SECONDS": "20"}).pause_seconds == 20
    with pytest.raises(SetupError, match="pause_lag"):
        load({"pause_lag": 0}, environment={})


def test_a_database_that_cannot_be_written_pauses_a_venue_until_it_can(tmp_path: Path) -> None:
    data = tmp_path / "data"
    found(data)
    settings = tmp_path / "venue.toml"
    settings.write_text("pause_lag = 20\n")
    with serving(data, "--config", str(settings)) as venue:
        operator = venue.person("operator")
        warehouse = let_in(operator, "warehouse", "warehouse")
        grower = let_in(operator, "grower", "grower")
        trader = let_in(operator, "trader", "trader", money_fen=10_000_000)
        symbol = take_in(grower, warehouse, lot_cut(grower, 1), 1_350_000)["symbol"]
        number = 0

        def place() -> httpx.Response:
            nonlocal number
            number += 1
            body = {"client_order_id": str(number), "symbol": symbol, "side": "buy", "quantity": 1, "price": 100}
            return trader.http.post("/orders", json=body)

        def has_caught_up() -> bool:
            ready = httpx.get(f"{venue.address}/readyz").json()
            return bool(ready["sequence"] == ready["projected_sequence"])

        until(has_caught_up)
        holder = sqlite3.connect(data / "exchange.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        placed = [place() for _ in range(60)]
        refused = next(answer for answer in placed if answer.status_code != 201)
        assert placed.index(refused) >= 20, "trading goes on until the stated lag"
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (503, "database_behind")
        assert "commands and" in problem["detail"]
        assert int(refused.headers["retry-after"]) > 0
        ready = httpx.get(f"{venue.address}/readyz")
        assert ready.status_code == 503
        assert ready.json()["reasons"][0].startswith("paused: the database is ")
        metrics = httpx.get(f"{venue.address}/metrics").text.splitlines()
        assert "venue_paused 1.0" in metrics
        first = placed[0].json()["order_id"]
        assert trader.call("DELETE", f"/orders/{first}")["status"] == "cancelled"
        assert len(trader.call("DELETE", "/orders")["items"]) > 10

        holder.execute("ROLLBACK")
        holder.close()
        assert until(lambda: place().status_code == 201)
        assert until(lambda: httpx.get(f"{venue.address}/readyz").status_code == 200)
        assert "trading pauses: the database is" in "".join(venue.errors)
        assert venue.stop() == 0


def until(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := found()):
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)
    return value
