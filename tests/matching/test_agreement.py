"""The fast market and the slow oracle are given the same commands: every event and the whole book must agree."""

import os
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import asdict

from matching import Market
from matching.messages import Command, Event, OrderRejected, PlaceOrder, Rejection, TradeExecuted
from matching.views import AuctionView, CounterView, ListingView, ReportView
from tests.oracle import Oracle
from tests.oracle_of_offers import Offer
from tests.strategies import SYMBOLS, Writer, from_hypothesis, from_seed

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


class Pair:
    """A market and its oracle, kept in step."""

    def __init__(self) -> None:
        self.market = Market()
        self.oracle = Oracle()
        self.tape: list[Command] = []

    def step(self, command: Command) -> None:
        """Apply the command to both, and compare everything that can be seen."""
        self.tape.append(command)
        market, oracle = self.market, self.oracle
        before = market.snapshot()
        reason = market.check(command)
        assert reason == oracle.check(command)
        fills = market.walk(command) if isinstance(command, PlaceOrder) else []
        assert market.snapshot() == before, "check and walk have no effect"
        events = market.apply(command)
        assert events == oracle.apply(command)
        refused = [event for event in events if isinstance(event, Rejection)]
        assert [event.reason for event in refused] == ([reason] if reason else [])
        if refused:
            assert len(events) == 1
            assert market.snapshot() == before, "a refusal changes nothing"
        if isinstance(command, PlaceOrder) and reason is None:
            # Later trades of the same command are those of stops that it triggered.
            mine = [
                (event.price, event.quantity)
                for event in events
                if isinstance(event, TradeExecuted)
                and command.order_id == (event.buy_order_id if command.side == "buy" else event.sell_order_id)
                and event.aggressor_side == command.side
            ]
            assert fills == mine
        self.compare()

    def compare(self) -> None:
        market, oracle = self.market, self.oracle
        market.audit()
        assert market.symbols() == list(oracle.listed)
        for symbol, listed in oracle.listed.items():
            view = market.instrument(symbol)
            assert view is not None
            assert (view.phase, view.last_price) == (listed.phase, listed.last)
            for side in ("buy", "sell"):
                levels = oracle.levels(symbol, side)
                assert market.levels(symbol, side) == levels
                assert market.best(symbol, side) == (levels[0] if levels else None)
                assert [order.order_id for order in market.queue(symbol, side)] == [
                    order.id for order in oracle.book(symbol, side)
                ]
            collected = [o for o in oracle.live if o.placed.symbol == symbol and o.where in ("book", "market")]
            buyers = [o for o in collected if o.buys]
            sellers = [o for o in collected if not o.buys]
            assert market.indicative(symbol) == oracle.auction_price(listed, buyers, sellers)
        assert [
            (
                view.order_id,
                view.participant_id,
                view.symbol,
                view.side,
                view.price,
                view.quantity,
                view.filled,
                view.remaining,
                view.displayed,
                view.state,
                view.display_quantity,
            )
            for view in market.orders()
        ] == oracle.state()
        dated = [order.placed.expires_ns for order in oracle.live if order.placed.expires_ns is not None]
        dated += [offer.ends for offer in oracle.offers if offer.ends is not None]
        assert market.next_deadline_ns() == min(dated, default=None)
        self.compare_offers()

    def compare_offers(self) -> None:
        """What each view shows of an offer: its command's own words, and what has become of it."""
        market, oracle = self.market, self.oracle
        for symbol in oracle.listed:
            listings = oracle.shown("listing", symbol)
            assert [asdict(view) for view in market.listings(symbol)] == [
                {**words(o, ListingView), "remaining": o.left, "counters": len(oracle.counters_on(o.id))}
                for o in listings
            ]
            for listing in listings:
                assert asdict(market.listing(listing.id)) in [asdict(view) for view in market.listings(symbol)]
                counters = oracle.counters_on(listing.id)
                assert [asdict(view) for view in market.counters(listing.id)] == [
                    {**words(o, CounterView), "symbol": symbol, "side": o.side} for o in counters
                ]
                assert [market.counter(counter.id) for counter in counters] == market.counters(listing.id)
            assert [asdict(view) for view in market.auctions(symbol)] == [
                {
                    **words(o, AuctionView),
                    "opened_ns": o.opened,
                    "ends_ns": o.ends,
                    "price": oracle.price_shown(o),
                    "bid_id": o.best.bid_id if o.best else None,
                    "bidder_id": o.best.participant_id if o.best else None,
                    "bid_lot_id": o.best.lot_id if o.best else None,
                }
                for o in oracle.shown("auction", symbol)
            ]
            assert [market.auction(o.id) for o in oracle.shown("auction", symbol)] == market.auctions(symbol)
        for participant_id in range(1, 6):
            reports = oracle.reports_with(participant_id)
            assert [asdict(view) for view in market.reports_of(participant_id)] == [
                words(o, ReportView) for o in reports
            ]
            assert [market.report(o.id) for o in reports] == market.reports_of(participant_id)


def words(offer: Offer, view: type[Any]) -> dict[str, object]:
    """The fields of a view that the command which made the offer has too."""
    return {name: getattr(offer.command, name) for name in view.__struct_fields__ if hasattr(offer.command, name)}


def opened(writer: Writer) -> Iterator[Command]:
    for symbol in SYMBOLS:
        yield writer.opening(symbol)


def run(writer: Writer, length: int, restore_at: int) -> Pair:
    """A whole tape; in the middle the market is replaced by what its own snapshot restores."""
    pair = Pair()
    for command in opened(writer):
        pair.step(command)
    for number in range(length):
        if number == restore_at:
            state = pair.market.snapshot()
            pair.market = Market.restore(state)
            assert pair.market.snapshot() == state
        pair.step(writer.command(pair.market))
    return pair


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2_000 if SOAK else 180))
def test_market_and_oracle_agree_on_seeded_tapes(seed: int) -> None:
    run(from_seed(seed), length=200, restore_at=100)


class MarketBesideOracle(RuleBasedStateMachine):
    """Whatever Hypothesis thinks of, one command a step, with a restart from the snapshot now and then."""

    @initialize(data=st.data())
    def open(self, data: st.DataObject) -> None:
        self.pair = Pair()
        self.writer = from_hypothesis(data.draw)
        for command in opened(self.writer):
            self.pair.step(command)

    @rule(data=st.data())
    def command(self, data: st.DataObject) -> None:
        self.writer.pick = lambda options: data.draw(st.sampled_from(options))
        self.pair.step(self.writer.command(self.pair.market))

    @rule()
    def restart(self) -> None:
        state = self.pair.market.snapshot()
        self.pair.market = Market.restore(state)
        assert self.pair.market.snapshot() == state


TestMarketBesideOracle = pytest.mark.soak(MarketBesideOracle.TestCase)
TestMarketBesideOracle.settings = settings(
    max_examples=settings.default.max_examples // 2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def named(event: Event) -> list[str]:
    """The event's name, and with its reason if it has one."""
    name = "rejected" if isinstance(event, OrderRejected) else type(event).__name__
    reason = getattr(event, "reason", None)
    return [type(event).__name__] if reason is None else [type(event).__name__, f"{name} {reason}"]


def each(name: str, reasons: str) -> set[str]:
    return {f"{name} {reason}" for reason in reasons.split()}


def test_the_tapes_reach_every_event_and_every_reason() -> None:
    """What the tapes never reach they cannot prove: every type of event and every reason occurs in them."""
    seen: set[str] = set()
    for seed in range(180):
        writer = from_seed(seed)
        market = Market()
        for command in opened(writer):
            market.apply(command)
        for _ in range(200):
            for event in market.apply(writer.command(market)):
                seen.update(named(event))
    new = "unknown_symbol duplicate_order_id wrong_mode wrong_phase invalid_quantity invalid_price outside_band"
    answer = "duplicate_order_id wrong_phase"
    wanted = {
        *(event.__name__ for event in get_args(Event)),
        *each("OrderCancelled", "requested mass_cancel immediate_or_cancel fill_or_kill minimum_quantity no_liquidity "
              "protection collar self_trade expired amended_below_filled post_only halted redefined"),
        *each("rejected", f"{new} invalid_stop_price invalid_expires_ns invalid_display_quantity "
              "invalid_minimum_quantity invalid_post_only stop_reached would_trade"),
        *each("AmendRejected", "unknown_order wrong_phase invalid_quantity invalid_price invalid_display_quantity "
              "outside_band would_trade"),
        *each("CommandRejected", "unknown_symbol wrong_phase invalid_time_ns wrong_mode invalid_mode invalid_phase"),
        *each("ListingRejected", f"{new} invalid_lot_id invalid_minimum_quantity invalid_expires_ns"),
        *each("TakeRejected", f"unknown_listing {answer} own_listing invalid_quantity invalid_lot_id exceeds_listing "
              "below_minimum"),
        *each("CounterRejected", f"unknown_listing {answer} own_listing invalid_quantity invalid_price invalid_lot_id "
              "invalid_expires_ns outside_band"),
        *each("AcceptanceRejected", "unknown_counter wrong_phase"),
        *each("WithdrawalRejected", "unknown_listing unknown_counter unknown_auction has_bids unknown_report"),
        *each("ListingClosed", "taken requested expired mass_cancel halted closed redefined"),
        *each("CounterClosed", "accepted requested expired listing_closed mass_cancel halted redefined"),
        *each("AuctionRejected", "unknown_symbol duplicate_order_id wrong_mode wrong_phase invalid_quantity "
              "invalid_lot_id invalid_start_price invalid_reserve_price invalid_step invalid_ends_ns "
              "invalid_extension_ns invalid_interval_ns outside_band"),
        *each("BidRejected", f"unknown_auction {answer} own_auction invalid_price invalid_lot_id outside_band "
              "below_step clock_not_reached"),
        *each("AuctionClosed", "sold reserve_not_met no_bids requested mass_cancel closed halted"),
        *each("ReportRejected", f"{new} own_report invalid_expires_ns"),
        *each("ConfirmRejected", f"unknown_report {answer} own_report"),
        *each("ReportClosed", "confirmed requested declined expired mass_cancel halted redefined"),
    }  # fmt: skip
    assert sorted(wanted - seen) == []
