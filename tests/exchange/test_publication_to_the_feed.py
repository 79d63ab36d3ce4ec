"""What the feed is told of a committed batch, and what nobody may miss of it."""

import pytest
from msgspec.structs import replace

from exchange.engine import Engine
from exchange.protocol import Command, Entry
from exchange.public_events import market_events
from exchange.publication import Publication, account_changes
from matching.messages import DefineInstrument, Phase, SetPhase, TradeExecuted
from settlement.messages import Deposit, EnterOrder, RegisterParticipant
from settlement.venue import DEFAULT_VENUE
from tests.exchange.floor import CHEN, LI, Floor

NOON_NS = 1_795_060_800_000_000_000
SYMBOL = "BXJ-1-SX1-26W46"


def define(phase: Phase) -> DefineInstrument:
    return DefineInstrument(symbol=SYMBOL, phase=phase)


def shows_nothing(symbol: str, order_id: int) -> int:
    return 0


class Venue:
    """An engine and its publication, without a journal between them."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.publication = Publication()
        self.do(DEFAULT_VENUE)

    def do(self, command: Command) -> None:
        sequence = self.engine.sequence + 1
        events = self.engine.execute(command, sequence, NOON_NS)
        self.publication.publish(
            Entry(first_sequence=sequence, time_ns=NOON_NS, commands=(command,), events=(tuple(events),))
        )


class Outlet:
    def __init__(self) -> None:
        self.said: list[str] = []

    def write(self, parts: list[str | bytes]) -> None:
        self.said += [part for part in parts if isinstance(part, str)]

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(reason)


def test_an_instrument_begins_in_the_phase_of_its_definition() -> None:
    for phase in ("closed", "auction", "continuous", "halted"):
        venue = Venue()
        venue.do(define(phase))
        instrument = venue.publication.feed.instruments[SYMBOL]
        assert instrument.phase == phase
        assert instrument.dark is (phase == "auction")


def test_an_instrument_that_is_defined_anew_is_in_its_new_phase() -> None:
    venue = Venue()
    venue.do(define("continuous"))
    venue.do(SetPhase(symbol=SYMBOL, phase="closed"))
    venue.do(define("auction"))
    assert venue.publication.feed.instruments[SYMBOL].phase == "auction"


def test_the_last_ended_orders_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exchange.publication.ENDED_ORDERS", 2)
    venue = Venue()
    venue.do(define("continuous"))
    venue.do(RegisterParticipant(name="trader", display_name="Trader", roles=("trader",)))
    publication = venue.publication
    assert publication.last_order_id == 0
    for number in range(1, 5):
        venue.do(EnterOrder(participant_id=1, client_order_id=str(number), symbol=SYMBOL, side="buy", quantity=0))
        assert publication.last_order_id == number
    assert [publication.ended_order(number) is not None for number in range(6)] == [
        *(False, False, False, True, True, False),
    ]
    last = publication.ended_order(4)
    assert last is not None
    assert (last.status, last.reason, last.participant_id) == ("rejected", "invalid_quantity", 1)


def test_what_happens_to_an_account_while_nobody_is_connected_is_there_when_its_reader_comes_back() -> None:
    venue = Venue()
    venue.do(RegisterParticipant(name="trader", display_name="Trader", roles=("trader",)))
    feed = venue.publication.feed
    participant_id = 1
    reader = feed.connect(Outlet())
    reader.sign_in(participant_id)
    reader.receive('{"op":"subscribe","channel":"account"}')
    feed.flush()
    seen = feed.sequence
    reader.disconnected()
    assert not feed.connections

    venue.do(Deposit(participant_id=participant_id, amount_fen=5_000, reference="1"))
    outlet = Outlet()
    again = feed.connect(outlet)
    again.sign_in(participant_id)
    again.receive(f'{{"op":"subscribe","channel":"account","resume_from":{seen}}}')
    feed.flush()
    answer, balance = outlet.said
    assert '"resumed":true' in answer
    assert '"total":5000' in balance


def test_a_trade_that_is_taken_back_is_told_to_both_sides_as_the_fill_that_it_was() -> None:
    floor = Floor()
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    floor.sell(CHEN, 100, 250)
    floor.buy(LI, 100, 250)
    sequence, time_ns = floor.engine.sequence, floor.time_ns
    fills = {who: told for who, (told, *_) in account_changes(floor.events, sequence, time_ns).items()}
    floor.wait_until(floor.time_ns + 1)
    floor.bust(1)
    again = account_changes(floor.events, floor.engine.sequence, floor.time_ns)
    for who in (CHEN, LI):
        fill, *rest = again[who]
        assert fill.fill == replace(fills[who].fill, busted=True)
        assert [change.balance is not None for change in rest] == [True, True]


def test_what_is_listed_shows_in_no_book() -> None:
    floor = Floor()
    floor.define(mode="listing")
    floor.receipt(CHEN)
    floor.deposit(LI, 1_000_000)
    listing = floor.list_lot(CHEN, 100, 250, receipt_id=1)
    assert market_events(floor.commands[-1][0], floor.events, shows_nothing) == []
    assert account_changes(floor.events, 1, 1)[CHEN][0].order.via == "listing"
    floor.take(LI, listing.order_id, 40)
    assert [type(event) for event in market_events(floor.commands[-1][0], floor.events, shows_nothing)] == [
        TradeExecuted
    ]
