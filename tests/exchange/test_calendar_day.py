"""A trading day of a venue that keeps sessions, as its users see it: the operator moves the clock, phases follow."""

from collections.abc import Iterator
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from exchange.calendar import TradingCalendar
from settlement.civil import day_start_ns, iso_date, venue_day
from tests.running import Listener, Person, VenueProcess, exchange, found, let_in, listening, lot_cut, serving, take_in


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[VenueProcess]:
    """An empty venue with its first operator, at a clock that stands still."""
    found(tmp_path / "data")
    (tmp_path / "venue.toml").write_text(
        'calendar = "sessions"\nholidays = [' + ", ".join(map(repr, told_years())) + "]\n"
    )
    with serving(tmp_path / "data", "--clock", "manual", "--config", str(tmp_path / "venue.toml")) as running:
        yield running


def told_years() -> list[str]:
    """The venue begins on the machine's day. Whenever that is, so is its year known, and the next."""
    year = int(iso_date(venue_day(time_ns()))[:4])
    return [f"{year}-01-01", f"{year + 1}-01-01"]


class Day:
    """The next trading day of a running venue, hour by hand of its operator."""

    def __init__(self, operator: Person, symbol: str, feed: Listener) -> None:
        self._operator = operator
        self._symbol = symbol
        self._feed = feed
        now_ns = operator.get("/venue")["clock"]["time_ns"]
        self._midnight_ns = day_start_ns(TradingCalendar(told_years()).next_trading_day(venue_day(now_ns)))
        self._heard = 0

    def reach(self, time: str) -> Any:
        """Move the clock; the instrument then."""
        hour, minute = map(int, time.split(":"))
        wanted_ns = self._midnight_ns + (hour * 60 + minute) * 60 * 10**9
        assert self._operator.post("/operator/clock", {"time_ns": wanted_ns}, 200)["time_ns"] == wanted_ns
        return self._operator.get(f"/instruments/{self._symbol}")

    def phase_told(self) -> str:
        """The next phase that the feed tells."""
        while True:
            while self._heard < len(self._feed.heard):
                message = self._feed.heard[self._heard]
                self._heard += 1
                if message.get("channel") == "status" and message.get("kind") == "delta":
                    return str(message["phase"])
            self._feed.hear()


def test_a_day_from_the_opening_auction_to_the_close(venue: VenueProcess) -> None:
    operator = venue.person("operator")
    grower = let_in(operator, "grower", "grower")
    warehouse = let_in(operator, "warehouse", "warehouse")
    trader = let_in(operator, "trader", "trader", money_fen=1_000_000)
    symbol = take_in(grower, warehouse, lot_cut(grower, 1), 1_340_700)["symbol"]
    with listening(venue) as feed:
        day = Day(operator, symbol, feed)
        assert day.reach("08:00")["phase"] == "closed"
        for number, channel in enumerate(("status", "trades")):
            feed.say(op="subscribe", id=number, channel=channel, symbols=[symbol])
            feed.until(op="subscribed", id=number)

        assert day.reach("08:20")["phase"] == day.phase_told() == "auction"
        offer = grower.place(symbol, "sell", 500, 230, client_order_id="offer")
        bid = trader.place(symbol, "buy", 300, 240, client_order_id="bid")
        waits = trader.place(symbol, "buy", 100, 200, client_order_id="waits", time_in_force="day")
        assert [order["filled"] for order in (offer, bid, waits)] == [0, 0, 0]

        assert day.reach("08:30")["phase"] == day.phase_told() == "continuous"
        uncrossed = feed.until(channel="trades", kind="delta")["trades"]
        assert [(trade["price"], trade["quantity"], trade["aggressor_side"]) for trade in uncrossed] == [
            (230, 300, None)
        ]
        assert trader.place(symbol, "buy", 50, 230, client_order_id="takes")["status"] == "filled"

        assert day.reach("11:30")["phase"] == day.phase_told() == "halted"
        refused = trader.place(symbol, "buy", 50, 230, client_order_id="in the break")
        assert (refused["status"], refused["reason"]) == ("rejected", "wrong_phase")

        assert day.reach("13:30")["phase"] == day.phase_told() == "continuous"
        assert day.reach("15:25")["phase"] == day.phase_told() == "auction"
        closing = trader.place(symbol, "buy", 100, 230, client_order_id="closes")
        assert closing["filled"] == 0

        closed = day.reach("15:30")
        assert closed["phase"] == day.phase_told() == "closed"
        assert closed["last"] == 230

        def ended(order: dict[str, Any]) -> tuple[str, int]:
            shown = trader.get(f"/orders/{order['order_id']}", min_sequence=closed["sequence"])
            return shown["status"], shown["filled"]

        assert (ended(closing), ended(waits)) == (("filled", 100), ("expired", 0))
        assert grower.get(f"/orders/{offer['order_id']}")["remaining"] == 50

    assert venue.stop() == 0
    verified = exchange("verify", "--data", venue.data)
    assert verified.returncode == 0, verified.stdout + verified.stderr
