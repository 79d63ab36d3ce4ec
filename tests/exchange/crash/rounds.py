"""Rounds of crashes: traffic, a moment, SIGKILL, a new start, and the audit of all that was promised."""

import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.exchange.crash.house import MOMENTS, House, Moment
from tests.exchange.crash.traffic import Book, Traffic
from tests.postgres import PostgresServer

WARM_UP_ORDERS = 60
"""What has to be acknowledged before anything is killed."""

PATIENCE_SECONDS = 60

LIFE_COMMANDS = 6_000
"""After so many commands a venue is closed and another opened: each round verifies the whole journal."""


class Round(NamedTuple):
    """What a round has shown."""

    moment: Moment
    what: str
    acknowledged: int
    unanswered: int
    happened: int
    """Of those unanswered."""
    turned_away: int
    start_seconds: float
    catch_up_seconds: float
    verify_seconds: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.moment}: {self.what}; {self.acknowledged} acknowledged, {self.unanswered} unanswered of which "
            f"{self.happened} had happened, {self.turned_away} turned away; start {self.start_seconds:.2f} s, database "
            f"{self.catch_up_seconds:.2f} s, verify {self.verify_seconds:.2f} s, in all {self.seconds:.1f} s"
        )


class Street:
    """The houses, one with SQLite and one with PostgreSQL, each kept until its journal has grown long."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder = folder
        self._server = server
        self._houses: dict[bool, House] = {}
        self._built = 0

    def play(self, seed: int, number: int, moment: Moment | None = None) -> Round:
        """One round. What is drawn follows from seed and number; when exactly it happens does not. Raises `Broken`."""
        chance = Random(f"{seed} {number}")
        drawn = chance.choice(MOMENTS)
        moment = drawn if moment is None else moment
        house = self._house(with_server=moment == "database")
        began = time.monotonic()
        house.clear()
        traffic = house.trade(chance, f"{seed}-{number}")
        assert traffic.book.wait_for(WARM_UP_ORDERS, PATIENCE_SECONDS), "the venue does not answer"
        what = self._break_database(house, traffic, chance) if moment == "database" else None
        what = what or house.kill_at(moment, chance)
        traffic.end()
        if moment == "start":
            for _ in range(chance.randrange(1, 3)):
                house.kill_in_the_start(chance)
        house.start()
        return self._audit(house, traffic.book, moment, what, began)

    def close(self) -> None:
        """Raises `Broken`."""
        while self._houses:
            self._houses.popitem()[1].close()

    def abandon(self) -> None:
        """After a failure: nothing is left running, and everything stays where it is."""
        while self._houses:
            self._houses.popitem()[1].kill_all()

    def _audit(self, house: House, book: Book, moment: Moment, what: str, began: float) -> Round:
        auditor, address, tokens = house.auditor, house.venue.address, house.tokens
        start_seconds = house.start_seconds
        auditor.read_on()
        auditor.judge_journal(book)
        unanswered = len(book.unanswered)
        happened = auditor.ask_again(book, address, tokens)
        catch_up_seconds = house.caught_up()
        auditor.ask_for_all(book, address, tokens)
        auditor.read_on()
        auditor.judge_journal(book)
        verifying = time.monotonic()
        auditor.verify()
        now = time.monotonic()
        return Round(
            moment=moment,
            what=what,
            acknowledged=len(book.acknowledged) - unanswered,
            unanswered=unanswered,
            happened=happened,
            turned_away=len(book.refused),
            start_seconds=start_seconds,
            catch_up_seconds=catch_up_seconds,
            verify_seconds=now - verifying,
            seconds=now - began,
        )

    def _break_database(self, house: House, traffic: Traffic, chance: Random) -> str:
        """Kill the database's server: trading goes on. The venue is killed while it is away, or soon after it came
        back, or when the database has followed to the end."""
        assert self._server is not None
        how = chance.choice(("away", "back", "caught up"))
        self._server.crash()
        try:
            self._more(traffic)
            if how == "away":
                house.kill_all()
        finally:
            self._server.start()
        if how != "away":
            self._more(traffic)
        if how == "caught up":
            traffic.end()
            house.caught_up()
        house.kill_all()
        return f"the database's server, then all while it was {how}"

    def _more(self, traffic: Traffic) -> None:
        """Until the venue has answered so many more."""
        wanted = len(traffic.book.acknowledged) + WARM_UP_ORDERS
        assert traffic.book.wait_for(wanted, PATIENCE_SECONDS), "the venue does not answer"

    def _house(self, *, with_server: bool) -> House:
        house = self._houses.get(with_server)
        if house is not None and house.auditor.commands > LIFE_COMMANDS:
            del self._houses[with_server]
            house.close()
            house = None
        if house is None:
            self._built += 1
            url = None
            if with_server:
                assert self._server is not None, "a server to kill"
                url = self._server.url(self._server.create())
            house = House(self._folder / f"venue-{self._built}", url)
            self._houses[with_server] = house
        return house
