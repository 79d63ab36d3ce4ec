"""Whatever anyone lists, auctions or reports, money and goods are conserved, as they are by orders.

The machine that sends orders also sends these, in three instruments without a book. What is audited after each command,
and held against a reader of the events, is the same.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from matching.messages import (
    AcceptanceRejected,
    AcceptCounter,
    CancelOrder,
    CancelRejected,
    DeclineReport,
    DefineInstrument,
    SetPhase,
    WithdrawalRejected,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement.messages import (
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterReport,
    EnterTake,
    ExecutionReport,
    OrderRepeated,
    RequestRefused,
)
from tests.exchange.floor import HOUR_NS
from tests.exchange.test_engine_conservation import ANN, BO, CAI, Market, people, prices, quantities, sides

LISTED, AUCTIONED, REPORTED = "BXJ-1-SX2-26W47", "BXJ-E-SX1-26W47", "BXJ-2-SX2-26W47"
MODES = {LISTED: "listing", AUCTIONED: "one_way_auction", REPORTED: "negotiated"}

picks = st.integers(0, 30)
hours = st.sampled_from([None, 1, 30, 900])
some_prices = st.sampled_from([*range(98, 103)] * 5 + [0, 500])


class Bazaar(Market):
    def __init__(self) -> None:
        super().__init__()
        for symbol, mode in MODES.items():
            self.send(DefineInstrument(symbol, mode=mode, reference_price=100, band=8, cancel_on_halt=True))
            for who in (ANN, BO, CAI):
                self.bring(who, symbol)

    def bring(self, who: int, symbol: str, harvest: str = "2026-11-20") -> None:
        _, grade, warehouse, _ = symbol.split("-")
        floor = self.floor
        announced = floor.announce(who, grade=grade, warehouse=warehouse, harvest_date=harvest, weight_g=20_500)
        self.reader.read(announced)
        if isinstance(announced[0], RequestRefused):
            return
        lot_id = announced[0].lot.lot_id
        self.reader.read(floor.weigh(lot_id, 20_500))
        self.reader.read(floor.inspect(lot_id, grade=grade, colour_stage=1 + lot_id % 2))
        self.reader.read(floor.issue(lot_id))

    # What somebody names, mostly something that is there

    def receipt_of(self, who: int, symbol: str, pick: int) -> int:
        found = [each.receipt_id for each in self.floor.engine.receipts(who) if each.symbol == symbol]
        return found[pick % len(found)] if found else 1 + pick

    def live(self, *ways: str) -> list[ExecutionReport]:
        return [order for _, order in sorted(self.reader.orders.items()) if order.via in ways]

    def picked_offer(self, pick: int, *ways: str) -> ExecutionReport:
        found = self.live(*ways)
        return found[pick % len(found)]

    def expiry(self, later_hours: int | None) -> int | None:
        return None if later_hours is None else self.floor.time_ns + later_hours * HOUR_NS

    def offer(self, kind: Any, who: int, **fields: Any) -> None:
        name = f"offer-{self.floor.engine.sequence}"
        events = self.send(kind(participant_id=who, client_order_id=name, **fields))
        if [type(event) for event in events] in ([OrderRepeated], [RequestRefused]):
            return
        own = [event for event in events if type(event) is ExecutionReport][-1]
        assert (own.client_order_id, own.participant_id) == (name, who)
        if own.status == "rejected":
            assert len(events) == 2
        elif kind in (EnterTake, EnterConfirmation):
            assert own.status == "filled"

    @rule(who=people, side=sides, quantity=quantities, price=some_prices, later=hours, pick=picks, least=st.booleans())
    def list_lot(self, who: int, side: Any, quantity: int, price: int, later: Any, pick: int, least: bool) -> None:
        receipt_id = self.receipt_of(who, LISTED, pick) if side == "sell" or pick == 0 else None
        self.offer(
            EnterListing,
            who,
            symbol=LISTED,
            side=side,
            quantity=quantity,
            price=price,
            receipt_id=receipt_id,
            minimum_quantity=2 if least else None,
            expires_ns=self.expiry(later),
        )

    @precondition(lambda self: self.live("listing"))
    @rule(who=people, pick=picks, quantity=quantities)
    def take(self, who: int, pick: int, quantity: int) -> None:
        listing = self.picked_offer(pick, "listing")
        receipt_id = self.receipt_of(who, LISTED, pick) if listing.side == "buy" else None
        self.offer(EnterTake, who, listing_id=listing.order_id, quantity=quantity, receipt_id=receipt_id)

    @precondition(lambda self: self.live("listing"))
    @rule(who=people, pick=picks, quantity=quantities, price=some_prices, later=hours)
    def counter(self, who: int, pick: int, quantity: int, price: int, later: Any) -> None:
        listing = self.picked_offer(pick, "listing")
        self.offer(
            EnterCounter,
            who,
            listing_id=listing.order_id,
            quantity=quantity,
            price=price,
            receipt_id=self.receipt_of(who, LISTED, pick) if listing.side == "buy" else None,
            expires_ns=self.expiry(later),
        )

    @precondition(lambda self: self.live("counter"))
    @rule(pick=picks)
    def accept(self, pick: int) -> None:
        counter = self.picked_offer(pick, "counter")
        listing = self.reader.orders[counter.offer_id or 0]
        events = self.send(AcceptCounter(counter.order_id, listing.participant_id))
        if type(events[0]) is AcceptanceRejected:
            assert len(events) == 1
        else:
            assert [each.order_id for each in events if type(each) is ExecutionReport][-1] == listing.order_id
            assert counter.order_id not in self.reader.orders

    @rule(
        who=people,
        side=sides,
        quantity=quantities,
        price=some_prices,
        reserve=st.one_of(st.none(), prices),
        style=st.sampled_from(["english", "dutch"]),
        ends=st.sampled_from([1, 4, 40, 900]),
        extension=st.sampled_from([0, 2, 600]),
        pick=picks,
    )
    def auction(
        self,
        who: int,
        side: Any,
        quantity: int,
        price: int,
        reserve: int | None,
        style: Any,
        ends: int,
        extension: int,
        pick: int,
    ) -> None:
        self.offer(
            EnterAuction,
            who,
            symbol=AUCTIONED,
            side=side,
            quantity=quantity,
            receipt_id=self.receipt_of(who, AUCTIONED, pick) if side == "sell" else None,
            style=style,
            start_price=price,
            reserve_price=reserve,
            step=1,
            ends_ns=self.floor.time_ns + ends * HOUR_NS,
            extension_ns=extension * HOUR_NS if style == "english" else 0,
            interval_ns=HOUR_NS if style == "dutch" else None,
        )

    @precondition(lambda self: self.live("auction"))
    @rule(pick=picks, bids=st.lists(st.tuples(people, st.sampled_from([0, 0, 1, 2, -1, None])), min_size=1, max_size=5))
    def bid(self, pick: int, bids: list[tuple[int, int | None]]) -> None:
        """One after the other, better by so much than what is asked; null: no price at all."""
        auction_id = self.picked_offer(pick, "auction").order_id
        for who, better in bids:
            view = self.floor.engine.market.auction(auction_id)
            if view is None:
                return
            upwards = 1 if view.side == "sell" else -1
            asked = (
                view.start_price if view.price is None else view.price + upwards * view.step * (view.style != "dutch")
            )
            receipt_id = self.receipt_of(who, AUCTIONED, pick) if view.side == "buy" else None
            price = None if better is None else asked + upwards * better
            self.offer(EnterBid, who, auction_id=auction_id, price=price, receipt_id=receipt_id)

    @rule(who=people, whom=people, side=sides, quantity=quantities, price=some_prices, later=hours, pick=picks)
    def report(self, who: int, whom: int, side: Any, quantity: int, price: int, later: int | None, pick: int) -> None:
        self.offer(
            EnterReport,
            who,
            counterparty_id=whom,
            symbol=REPORTED,
            side=side,
            quantity=quantity,
            price=price,
            receipt_id=self.receipt_of(who, REPORTED, pick) if side == "sell" and pick % 2 else None,
            expires_ns=self.expiry(later or 1),
        )

    @precondition(lambda self: self.live("report"))
    @rule(pick=picks, by_another=st.sampled_from([None, None, ANN]))
    def confirm(self, pick: int, by_another: int | None) -> None:
        report = self.picked_offer(pick, "report")
        view = self.floor.engine.market.report(report.order_id)
        assert view is not None
        who = by_another or view.counterparty_id
        named = report.side == "buy" and pick % 2
        receipt_id = self.receipt_of(who, REPORTED, pick) if named else None
        self.offer(EnterConfirmation, who, report_id=report.order_id, receipt_id=receipt_id)

    @rule(pick=picks, plainly=st.booleans(), way=st.sampled_from(["listing", "counter", "auction", "bid", "report"]))
    def withdraw(self, pick: int, plainly: bool, way: str) -> None:
        """By its own command, or as an order is cancelled; who has bid, or been bid to, stands by it."""
        if not self.live(way):
            return
        offer = self.picked_offer(pick, way)
        commands = {
            "listing": WithdrawListing,
            "counter": WithdrawCounter,
            "auction": WithdrawAuction,
            "report": WithdrawReport,
        }
        command: Any = CancelOrder if plainly or offer.via == "bid" else commands[offer.via]
        events = self.send(command(offer.order_id, offer.participant_id))
        refused = type(events[0]) in (CancelRejected, WithdrawalRejected)
        led = any(each.offer_id == offer.order_id for each in self.live("bid"))
        assert refused == (offer.via == "bid" or led)
        assert (offer.order_id in self.reader.orders) == refused

    @precondition(lambda self: self.live("report"))
    @rule(pick=picks, who=people)
    def decline(self, pick: int, who: int) -> None:
        self.send(DeclineReport(self.picked_offer(pick, "report").order_id, who))

    @rule(symbol=st.sampled_from(sorted(MODES)), phase=st.sampled_from(["closed", "halted"]))
    def pause(self, symbol: str, phase: Any) -> None:
        self.send(SetPhase(symbol, phase))
        self.send(SetPhase(symbol, "continuous"))

    @rule(symbol=st.sampled_from(sorted(MODES)), lot_size=st.sampled_from([1, 1, 2]), band=st.sampled_from([2, 8]))
    def redefine(self, symbol: str, lot_size: int, band: int) -> None:
        self.send(SetPhase(symbol, "closed"))
        self.send(DefineInstrument(symbol, lot_size=lot_size, mode=MODES[symbol], reference_price=100, band=band))

    @rule(who=people, symbol=st.sampled_from(sorted(MODES)), harvest=st.sampled_from(["2026-11-17", "2026-11-22"]))
    def receipt_for_the_bazaar(self, who: int, symbol: str, harvest: str) -> None:
        self.bring(who, symbol, harvest)


@pytest.mark.slow
@pytest.mark.soak
class TestBazaar(Bazaar.TestCase):  # type: ignore[name-defined,misc]
    """Half as many examples as the profile says, and its steps."""

    settings = settings(max_examples=settings.default.max_examples // 2)
