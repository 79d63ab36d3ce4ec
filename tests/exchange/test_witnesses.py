"""What hears every batch from the first can as well be put back and hear the rest: nobody sees a difference."""

from collections.abc import Callable
from typing import Any

import pytest

from exchange.bell import Heard
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.publication import Publication
from exchange.replay import run_batch
from matching.messages import SetPhase
from settlement.messages import EnterOrder
from tests.exchange.days import a_day_of_trading
from tests.exchange.floor import CHEN, HOUR_NS, LI, SYMBOL, Floor
from tests.exchange.test_engine_replay import a_busy_week
from tests.exchange.whole_venue.story import Story
from tests.exchange.witnessing import entries_of, rung, shown


def collared() -> Floor:
    """A trade far from the last one begins an auction, which is still on; another is halted by hand."""
    floor = Floor()
    floor.define(collar=10, reference_price=250)
    floor.deposit(LI, 10_000_000)
    floor.receipt(CHEN)
    floor.receipt(CHEN, harvest_date="2026-11-10")
    floor.phase("halted", "BXJ-1-SX1-26W46")
    floor.sell(CHEN, 10, 250)
    floor.buy(LI, 10, 250)
    floor.wait_until(floor.time_ns + HOUR_NS)
    floor.sell(CHEN, 10, 400)
    floor.buy(LI, 10, 400)
    return floor


STORIES: dict[str, Callable[[], list[tuple[Any, int]]]] = {
    "a day": lambda: a_day_of_trading(seed=11).commands,
    "a week": lambda: a_busy_week(12).commands,
    "a collar": lambda: collared().commands,
    "a whole venue": lambda: Story(5, audited=1_000).run(600).told,
    "another whole venue": lambda: Story(7, audited=1_000).run(600).told,
}


@pytest.mark.parametrize("name", STORIES)
def test_who_was_put_back_shows_what_he_would_have_shown(name: str) -> None:
    entries = entries_of(STORIES[name]())
    engine, publication, bell = Engine(), Publication(), Heard()
    others: list[tuple[Publication, Heard]] = []
    for number, entry in enumerate(entries):
        if number % max(1, len(entries) // 7) == 0:
            others.append((Publication(), Heard()))
            for witness, other in zip((publication, bell), others[-1], strict=True):
                state = witness.state()
                other.restore(state, engine)
                assert other.state() == state, "what was put back is written as it was"
        run_batch(engine, entry.commands, entry.first_sequence, entry.time_ns)
        for witness in (publication, bell, *(each for pair in others for each in pair)):
            witness.hear(entry)
    expected = shown(publication, engine)
    for other, other_bell in others:
        assert shown(other, engine) == expected
        assert other.state() == publication.state()
        assert rung(other_bell) == rung(bell)
        assert other_bell.state() == bell.state()


def test_the_stories_have_everything_in_them() -> None:
    bell, publication, engine = Heard(), Publication(), Engine()
    for entry in entries_of(collared().commands, engine):
        bell.hear(entry)
        publication.hear(entry)
    assert list(bell.begun_ns) == [SYMBOL]
    assert list(bell.halted_ns) == ["BXJ-1-SX1-26W46"]
    assert len(bell.stocked) == 2
    assert publication.feed.instruments[SYMBOL].dark
    publication, engine = Publication(), Engine()
    for entry in entries_of(STORIES["a day"](), engine):
        publication.hear(entry)
    instruments = publication.feed.instruments.values()
    assert any(len(each.recent) > len(each.trades) for each in instruments)
    assert any(trade.busted for each in instruments for trade in each.recent)
    assert any(each.day.previous_close is not None for each in instruments)
    assert any(each.depth.orders for each in instruments)


def test_the_last_ended_orders_are_dropped_in_their_order_afterwards_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.publication.ENDED_ORDERS", 3)
    floor = Floor()
    floor.define()
    for number in range(5):
        floor.buy(LI, 0, 1, client_order_id=str(number))
    engine, one, other = Engine(), Publication(), Publication()
    for entry in entries_of(floor.commands, engine):
        one.hear(entry)
    other.restore(one.state(), engine)
    command = EnterOrder(participant_id=LI, client_order_id="6", symbol=SYMBOL, side="buy", quantity=0)
    events = engine.execute(command, engine.sequence + 1, engine.time_ns)
    entry = Entry(first_sequence=engine.sequence, time_ns=engine.time_ns, commands=(command,), events=(events,))
    for each in (one, other):
        each.hear(entry)
        assert [each.ended_order(number) is not None for number in range(1, 7)] == [False] * 3 + [True] * 3
    assert one.state() == other.state()


@pytest.mark.parametrize("state", [b"", b"\x90", b"\xc1", b"\x94\x01\x90\x90\x95\x01\x02\x03\x04\x91\x90"])
def test_the_state_of_another_release_is_refused_and_changes_nothing(state: bytes) -> None:
    for witness in (Publication(), Heard()):
        before = witness.state()
        with pytest.raises(ValueError):  # noqa: PT011 - whatever msgspec says
            witness.restore(state, Engine())
        assert witness.state() == before


def test_what_the_bell_hears_does_not_depend_on_the_hours() -> None:
    """A snapshot is made where nobody knows them: whether a halt was by hand is decided when the venue starts."""
    bell = Heard()
    floor = Floor()
    floor.define()
    floor.do(SetPhase(SYMBOL, "halted"))
    for entry in entries_of(floor.commands):
        bell.hear(entry)
    assert bell.halted_ns == {SYMBOL: floor.time_ns}
