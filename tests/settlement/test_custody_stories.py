"""What a store does with receipts, told one by one over the engine: offers go first, fills stand, grams are kept."""

from typing import Any

import pytest

from matching.messages import AuctionClosed, InstrumentDefined, OrderCancelled, PhaseChanged
from settlement.messages import (
    BalanceChanged,
    ExecutionReport,
    LedgerPosted,
    LotRegraded,
    Receipt,
    ReceiptChanged,
    ReceiptsMerged,
    ReceiptTransferred,
    StockChanged,
)
from tests.exchange.floor import CHEN, HOUR_NS, LI, OPERATOR, SYMBOL, WANG, WAREHOUSE, time_of, told
from tests.settlement.depot import BANK, Depot

SECOND_CLASS = "BXJ-2-SX1-26W47"


def depot() -> Depot:
    """Chen holds receipt 1 of 10 t, Li and Wang have 20,000 yuan each."""
    depot = Depot()
    depot.receipt(CHEN)
    depot.deposit(LI, 2_000_000)
    depot.deposit(WANG, 2_000_000)
    return depot


def changes(depot: Depot) -> list[tuple[str, int, str, int]]:
    """(cause, receipt, state, grams) of each `receipt_changed`."""
    return [
        (event.cause, event.receipt.receipt_id, event.receipt.state, event.receipt.weight_g)
        for event in depot.all(ReceiptChanged)
    ]


def cancelled(depot: Depot) -> list[tuple[int, str]]:
    return [(event.order_id, event.reason) for event in depot.all(OrderCancelled)]


class TestSplitAndMerge:
    def test_a_split_conserves_weight_and_moves_nothing_in_the_ledger(self) -> None:
        floor = depot()
        floor.split(CHEN, 1, 2_500_000, 7_499_999, 1)
        assert changes(floor) == [
            ("split", 1, "split", 10_000_000),
            ("split", 2, "issued", 2_500_000),
            ("split", 3, "issued", 7_499_999),
            ("split", 4, "issued", 1),
        ]
        assert not floor.all(LedgerPosted)
        assert floor.goods(CHEN) == (10_000_000, 0)

    def test_a_split_that_does_not_add_up(self) -> None:
        floor = depot()
        for weights_g in ((5_000_000, 4_999_999), (5_000_000, 5_000_001)):
            floor.split(CHEN, 1, *weights_g)
            assert floor.refusal() == ("weights_do_not_add_up", "weights_g")

    def test_parts_are_merged_into_a_child_of_the_first(self) -> None:
        floor = depot()
        floor.split(CHEN, 1, 2_000_000, 3_000_000, 5_000_000)
        floor.merge(CHEN, 4, 2)
        merged = floor.only(ReceiptsMerged)
        assert (merged.receipt_id, merged.merged) == (5, (2, 4))
        assert changes(floor) == [
            ("merged", 2, "merged", 2_000_000),
            ("merged", 4, "merged", 5_000_000),
            ("merged", 5, "issued", 7_000_000),
        ]
        assert floor.the(5).parent_receipt_id == 2

    def test_what_cannot_be_merged(self) -> None:
        floor = depot()
        other = floor.receipt(CHEN)
        floor.split(CHEN, 1, 4_000_000, 6_000_000)
        first, second = 3, 4
        floor.merge(CHEN, first, first)
        assert floor.refusal() == ("invalid_receipt_ids", "receipt_ids")
        floor.merge(CHEN, first, 99)
        assert floor.refusal() == ("unknown_receipt", "receipt_ids")
        floor.merge(LI, first, second)
        assert floor.refusal() == ("unknown_receipt", "receipt_ids")
        floor.merge(CHEN, first, other)
        assert floor.refusal() == ("different_lots", "receipt_ids")
        floor.sell(CHEN, 1, 250, lots=(second,))
        floor.merge(CHEN, first, second)
        assert floor.refusal() == ("receipt_reserved", "receipt_ids")

    def test_an_offer_stands_in_the_way_of_what_its_holder_wants(self) -> None:
        floor = depot()
        offer = floor.sell(CHEN, 1, 250)
        floor.split(CHEN, 1, 4_000_000, 6_000_000)
        assert floor.refusal() == ("receipt_reserved", "receipt_id")
        floor.give(CHEN, 1)
        assert floor.refusal() == ("receipt_reserved", "receipt_id")
        floor.cancel(offer)
        floor.split(CHEN, 1, 4_000_000, 6_000_000)
        assert len(floor.all(ReceiptChanged)) == 3


class TestTransfer:
    def test_title_passes_free_of_payment(self) -> None:
        floor = depot()
        floor.give(CHEN, 1, to=LI, reference="for the co-operative")
        given = floor.only(ReceiptTransferred)
        assert (given.receipt_id, given.new_receipt_id, given.to_participant_id, given.weight_g) == (
            1,
            2,
            LI,
            10_000_000,
        )
        posted = floor.only(LedgerPosted)
        assert (posted.cause, posted.reference_id) == ("receipt_transfer", 1)
        assert told(posted.transfers) == ["LOT-1 participant:3 -> participant:4 10000000"]
        assert changes(floor) == [("transferred", 1, "split", 10_000_000), ("transferred", 2, "issued", 10_000_000)]
        assert floor.goods(LI) == (10_000_000, 0)
        assert floor.sell(LI, 1, 250).status == "resting"

    def test_what_cannot_be_given(self) -> None:
        floor = depot()
        floor.split(CHEN, 1, 4_000_000, 6_000_000)
        floor.give(LI, 2)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.give(CHEN, 2, to=99)
        assert floor.refusal() == ("unknown_participant", "to_participant_id")
        floor.give(CHEN, 2, to=CHEN)
        assert floor.refusal() == ("same_participant", "to_participant_id")
        floor.give(CHEN, 2, reference="note 1")
        floor.give(CHEN, 3, reference="note 1")
        assert floor.refusal() == ("duplicate_reference", "reference")
        floor.give(LI, 4, to=WANG, reference="note 1")
        assert floor.only(ReceiptTransferred)

    def test_in_the_profile_of_spot_goods_they_change_hands_by_trade_alone(self) -> None:
        floor = depot()
        floor.configure(profile="cn-spot")
        floor.give(CHEN, 1)
        assert floor.refusal() == ("transfer_not_permitted", None)


class TestPledge:
    def test_a_pledge_cancels_the_offers_and_never_a_fill(self) -> None:
        floor = depot()
        first = floor.sell(CHEN, 1_000, 250)
        second = floor.sell(CHEN, 2_000, 251)
        floor.buy(LI, 400, 250)
        floor.pledge(CHEN, 1)
        assert cancelled(floor) == [(second.order_id, "receipt_pledged"), (first.order_id, "receipt_pledged")]
        reports = {report.order_id: report for report in floor.all(ExecutionReport)}
        assert (reports[first.order_id].filled, reports[first.order_id].status) == (400, "cancelled")
        (change,) = floor.all(ReceiptChanged)
        pledged: Receipt = change.receipt
        assert (change.cause, pledged.state, pledged.weight_g, pledged.reserved_g) == (
            "pledged",
            "pledged",
            9_600_000,
            0,
        )
        assert pledged.pledge is not None
        assert (pledged.pledge.lender_id, pledged.pledge.reference, pledged.pledge.amount_fen) == (
            BANK,
            "loan",
            1_000_000,
        )
        assert floor.goods(CHEN) == (9_600_000, 9_600_000)
        assert floor.goods(LI) == (400_000, 0)

    def test_with_the_last_receipt_that_can_be_sold_the_instrument_closes_until_it_is_released(self) -> None:
        floor = depot()
        floor.pledge(CHEN, 1)
        assert floor.only(PhaseChanged).phase == "closed"
        floor.release(1)
        assert floor.only(PhaseChanged).phase == "continuous"
        assert floor.sell(CHEN, 10_000, 250).status == "resting"

    def test_nothing_is_done_with_pledged_goods(self) -> None:
        floor = depot()
        floor.receipt(CHEN)
        floor.pledge(CHEN, 1)
        for attempt in (
            lambda: floor.pledge(CHEN, 1, reference="another loan"),
            lambda: floor.split(CHEN, 1, 1, 9_999_999),
            lambda: floor.give(CHEN, 1),
            lambda: floor.order_delivery(CHEN, 1),
            lambda: floor.load_out(1),
            lambda: floor.void(1),
        ):
            attempt()
            assert floor.refusal() == ("receipt_pledged", "receipt_id")
        floor.merge(CHEN, 1, 2)
        assert floor.refusal() == ("receipt_pledged", "receipt_ids")
        assert floor.sell(CHEN, 1, 250, lots=(1,)).reason == "unknown_receipt"

    def test_what_cannot_be_pledged_or_released(self) -> None:
        floor = depot()
        floor.pledge(LI, 1)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.pledge(CHEN, 1, lender_id=99)
        assert floor.refusal() == ("unknown_participant", "lender_id")
        floor.pledge(CHEN, 1, lender_id=CHEN)
        assert floor.refusal() == ("same_participant", "lender_id")
        floor.release(1)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.release(1, lender_id=CHEN)
        assert floor.refusal() == ("not_pledged", "receipt_id")
        floor.pledge(CHEN, 1)
        floor.release(1, lender_id=CHEN)
        assert floor.refusal() == ("not_lender", "receipt_id")
        floor.release(1, lender_id=LI)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.release(1)
        floor.pledge(CHEN, 1)
        assert floor.refusal() == ("duplicate_reference", "reference")

    def test_a_pledge_is_no_way_to_step_back_from_an_auction(self) -> None:
        floor = Depot()
        floor.define(mode="one_way_auction")
        floor.receipt(CHEN)
        floor.deposit(LI, 2_000_000)
        auction = floor.auction(CHEN, 100, 200, receipt_id=1)
        floor.bid(LI, auction.order_id, 200)
        floor.pledge(CHEN, 1)
        assert floor.refusal() == ("has_bids", "receipt_id")
        wanted = floor.auction(LI, 50, 300, side="buy")
        floor.bid(CHEN, wanted.order_id, 290, receipt_id=1)
        floor.hold(1)
        assert [(event.auction_id, event.reason) for event in floor.all(AuctionClosed)] == [
            (wanted.order_id, "receipt_held"),
            (auction.order_id, "receipt_held"),
        ]
        assert floor.money(LI) == (2_000_000, 0)

    def test_a_leading_bid_of_goods_cannot_be_pledged_away(self) -> None:
        floor = Depot()
        floor.define(mode="one_way_auction")
        floor.receipt(CHEN)
        floor.deposit(LI, 2_000_000)
        wanted = floor.auction(LI, 50, 300, side="buy")
        floor.bid(CHEN, wanted.order_id, 290, receipt_id=1)
        floor.pledge(CHEN, 1)
        assert floor.refusal() == ("bid_stands", "receipt_id")

    def test_a_pledge_outlasts_its_goods_and_they_leave_once_it_is_released(self) -> None:
        floor = depot()
        floor.pledge(CHEN, 1)
        floor.wait_until(floor.the(1).expires_ns)
        assert changes(floor) == [("expired", 1, "expired", 10_000_000)]
        floor.load_out(1)
        assert floor.refusal() == ("receipt_pledged", "receipt_id")
        floor.release(1)
        assert changes(floor) == [("released", 1, "expired", 10_000_000)]
        floor.load_out(1)
        assert changes(floor) == [("delivered", 1, "delivered", 10_000_000)]


class TestHold:
    def test_a_hold_cancels_the_offers_with_its_reason(self) -> None:
        floor = depot()
        offer = floor.sell(CHEN, 1_000, 250)
        floor.hold(1, "cold_chain")
        assert cancelled(floor) == [(offer.order_id, "receipt_held")]
        held = floor.the(1)
        assert held.state == "held"
        assert [(hold.cause, hold.reason, hold.operator_id) for hold in held.holds] == [
            ("cold_chain", "a smell", WAREHOUSE)
        ]
        floor.lift(1, "cold_chain")
        assert floor.only(PhaseChanged).phase == "continuous"
        assert floor.the(1).state == "issued"

    def test_each_cause_is_lifted_by_itself(self) -> None:
        floor = depot()
        floor.hold(1, "court", OPERATOR)
        floor.hold(1, "quality")
        floor.hold(1, "quality")
        assert floor.refusal() == ("already_held", "cause")
        floor.lift(1, "quality")
        assert floor.the(1).state == "held"
        floor.lift(1, "quality")
        assert floor.refusal() == ("not_held", "cause")
        floor.lift(1, "court")
        assert floor.the(1).state == "issued"
        floor.lift(1, "court")
        assert floor.refusal() == ("not_held", "receipt_id")

    def test_nothing_is_done_with_held_goods(self) -> None:
        floor = depot()
        floor.receipt(CHEN)
        floor.hold(1)
        for attempt in (
            lambda: floor.pledge(CHEN, 1),
            lambda: floor.split(CHEN, 1, 1, 9_999_999),
            lambda: floor.give(CHEN, 1),
            lambda: floor.order_delivery(CHEN, 1),
            lambda: floor.load_out(1),
            lambda: floor.void(1),
        ):
            attempt()
            assert floor.refusal() == ("receipt_held", "receipt_id")
        assert floor.sell(CHEN, 1, 250, lots=(1,)).reason == "unknown_receipt"

    def test_what_was_ordered_out_waits_for_the_hold(self) -> None:
        floor = depot()
        floor.order_delivery(CHEN, 1)
        floor.hold(1, "court", OPERATOR)
        floor.load_out(1)
        assert floor.refusal() == ("receipt_held", "receipt_id")
        floor.lift(1, "court", OPERATOR)
        floor.load_out(1)
        assert changes(floor) == [("delivered", 1, "delivered", 10_000_000)]

    def test_a_hold_is_for_warehouse_and_operators(self) -> None:
        floor = depot()
        floor.hold(1, operator_id=LI)
        assert floor.refusal() == ("wrong_role", "operator_id")
        floor.hold(99)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.hold(1)
        floor.lift(1, operator_id=CHEN)
        assert floor.refusal() == ("wrong_role", "operator_id")

    def test_green_life_ends_under_a_hold(self) -> None:
        floor = depot()
        floor.hold(1)
        floor.wait_until(floor.the(1).expires_ns)
        assert changes(floor) == [("expired", 1, "held", 10_000_000)]
        floor.lift(1)
        assert changes(floor) == [("lifted", 1, "expired", 10_000_000)]
        assert not floor.all(PhaseChanged)


class TestLoss:
    def test_one_live_receipt_after_a_replacement(self) -> None:
        floor = depot()
        offer = floor.sell(CHEN, 1_000, 250)
        floor.lose(CHEN, 1)
        assert cancelled(floor) == [(offer.order_id, "receipt_lost")]
        assert changes(floor) == [("lost", 1, "held", 10_000_000)]
        floor.replace(1)
        assert changes(floor) == [("replaced", 1, "replaced", 10_000_000), ("replaced", 2, "issued", 10_000_000)]
        assert [each.receipt_id for each in floor.engine.all_receipts()] == [2]
        assert floor.only(PhaseChanged).phase == "continuous"
        assert floor.sell(CHEN, 10_000, 250).status == "resting"

    def test_a_pledge_goes_over_to_the_replacement(self) -> None:
        floor = depot()
        floor.pledge(CHEN, 1)
        floor.lose(CHEN, 1)
        floor.replace(1)
        assert (floor.the(2).state, floor.the(2).pledge is not None) == ("pledged", True)
        floor.release(2)
        assert floor.the(2).state == "issued"

    def test_what_was_found_again_is_lifted_and_not_replaced(self) -> None:
        floor = depot()
        floor.lose(CHEN, 1)
        floor.lose(CHEN, 1)
        assert floor.refusal() == ("already_lost", "receipt_id")
        floor.lift(1, "loss")
        assert floor.the(1).state == "issued"
        floor.replace(1)
        assert floor.refusal() == ("not_lost", "receipt_id")
        floor.hold(1)
        floor.replace(1)
        assert floor.refusal() == ("not_lost", "receipt_id")

    def test_who_may_report_and_who_may_replace(self) -> None:
        floor = depot()
        floor.lose(LI, 1)
        assert floor.refusal() == ("unknown_receipt", "receipt_id")
        floor.lose(CHEN, 1)
        floor.replace(1, CHEN)
        assert floor.refusal() == ("wrong_role", "operator_id")


class TestVoid:
    def test_a_receipt_issued_in_error_leaves_no_goods_behind(self) -> None:
        floor = depot()
        offer = floor.sell(CHEN, 1, 250)
        floor.void(1)
        assert cancelled(floor) == [(offer.order_id, "receipt_void")]
        assert told(floor.only(LedgerPosted).transfers) == ["LOT-1 participant:3 -> warehouse:SX1 10000000"]
        assert changes(floor) == [("void", 1, "void", 10_000_000)]
        assert floor.goods(CHEN) == (0, 0)
        assert floor.engine.all_receipts() == []

    def test_with_it_goes_what_was_recorded_as_lost(self) -> None:
        floor = depot()
        floor.shrink(1, 1_000)
        floor.void(1)
        assert [told(posted.transfers) for posted in floor.all(LedgerPosted)] == [
            ["LOT-1 participant:3 -> warehouse:SX1 9999000"],
            ["LOT-1 shrinkage -> warehouse:SX1 1000"],
        ]

    @pytest.mark.parametrize("how", ["sold", "split", "given"])
    def test_what_has_changed_hands_or_shape_is_not_voided(self, how: str) -> None:
        floor = depot()
        if how == "sold":
            floor.sell(CHEN, 1, 250)
            floor.buy(LI, 1, 250)
            left = 1
        elif how == "split":
            floor.split(CHEN, 1, 1, 9_999_999)
            left = 3
        else:
            floor.give(CHEN, 1)
            left = 2
        floor.void(left)
        assert floor.refusal() == ("receipt_traded", "receipt_id")

    def test_the_lot_is_closed_and_may_be_announced_anew(self) -> None:
        floor = depot()
        floor.void(1)
        floor.issue(1)
        assert floor.refusal() == ("lot_closed", "lot_id")
        assert floor.receipt(CHEN) == 2


class TestShrinkage:
    def test_everyone_loses_his_part_and_the_ledger_knows(self) -> None:
        floor = depot()
        floor.sell(CHEN, 2_500, 100)
        floor.buy(LI, 2_500, 100)
        floor.shrink(1, 10_001)
        assert floor.only(StockChanged) == StockChanged(
            lot_id=1,
            warehouse="SX1",
            operator_id=WAREHOUSE,
            cause="shrinkage",
            booked_g=10_000_000,
            weight_g=9_989_999,
            shrinkage_g=10_001,
            reason="dried up",
        )
        assert changes(floor) == [("shrinkage", 1, "issued", 7_492_499), ("shrinkage", 2, "issued", 2_497_500)]
        posted = floor.only(LedgerPosted)
        assert (posted.cause, posted.reference_id) == ("shrinkage", 1)
        assert told(posted.transfers) == [
            "LOT-1 participant:3 -> shrinkage 7501",
            "LOT-1 participant:4 -> shrinkage 2500",
        ]
        assert floor.all(BalanceChanged) == [
            BalanceChanged(CHEN, SYMBOL, 7_492_499, 0),
            BalanceChanged(LI, SYMBOL, 2_497_500, 0),
        ]

    def test_whole_orders_go_newest_first_until_the_rest_is_covered(self) -> None:
        floor = depot()
        old = floor.sell(CHEN, 6_000, 250)
        middle = floor.sell(CHEN, 2_000, 251)
        newest = floor.sell(CHEN, 1_000, 252)
        floor.shrink(1, 1_500_000)
        assert cancelled(floor) == [(newest.order_id, "shrinkage")]
        floor.shrink(1, 501_000)
        assert cancelled(floor) == [(middle.order_id, "shrinkage")]
        assert floor.held(CHEN) == [(1, 7_999_000, 6_000_000)]
        assert floor.engine.live_order(old.order_id) is not None

    def test_pledged_held_and_ordered_goods_shrink_like_others(self) -> None:
        floor = depot()
        floor.split(CHEN, 1, 2_500_000, 2_500_000, 2_500_000, 2_500_000)
        pledged, held, ordered, free = floor.parts()
        floor.pledge(CHEN, pledged)
        floor.hold(held)
        floor.order_delivery(CHEN, ordered)
        floor.shrink(1, 400_000)
        assert [each.weight_g for each in floor.engine.receipts(CHEN)] == [2_400_000] * 4
        assert floor.goods(CHEN) == (9_600_000, 7_200_000)
        assert floor.the(free).state == "issued"

    def test_a_lot_that_is_gone_ends_its_receipts_and_its_account(self) -> None:
        floor = depot()
        floor.shrink(1, 10_000_001)
        assert floor.refusal() == ("exceeds_stock", "weight_g")
        floor.shrink(1, 10_000_000)
        assert changes(floor) == [("shrinkage", 1, "void", 0)]
        assert [told(posted.transfers) for posted in floor.all(LedgerPosted)] == [
            ["LOT-1 participant:3 -> shrinkage 10000000"],
            ["LOT-1 shrinkage -> warehouse:SX1 10000000"],
        ]
        assert floor.only(PhaseChanged).phase == "closed"
        floor.shrink(1, 1)
        assert floor.refusal() == ("unknown_lot", "lot_id")

    def test_what_is_recorded_as_lost_is_written_off_with_the_last_load(self) -> None:
        floor = depot()
        floor.shrink(1, 40_000)
        floor.order_delivery(CHEN, 1)
        floor.load_out(1)
        assert [(posted.cause, told(posted.transfers)) for posted in floor.all(LedgerPosted)] == [
            ("load_out", ["LOT-1 participant:3 -> warehouse:SX1 9960000"]),
            ("shrinkage", ["LOT-1 shrinkage -> warehouse:SX1 40000"]),
        ]

    def test_it_is_for_the_warehouse(self) -> None:
        floor = depot()
        for operator_id in (CHEN, OPERATOR):
            floor.shrink(1, 1, operator_id)
            assert floor.refusal() == ("wrong_role", "operator_id")
            floor.count(1, 1, operator_id)
            assert floor.refusal() == ("wrong_role", "operator_id")


class TestStockTake:
    def test_a_count_posts_the_difference_whatever_was_booked(self) -> None:
        floor = depot()
        floor.count(1, 9_700_000)
        assert floor.only(StockChanged).shrinkage_g == 300_000
        floor.count(1, 9_800_000)
        change = floor.only(StockChanged)
        assert (change.booked_g, change.weight_g, change.shrinkage_g) == (9_700_000, 9_800_000, 200_000)
        assert told(floor.only(LedgerPosted).transfers) == ["LOT-1 shrinkage -> participant:3 100000"]
        assert changes(floor) == [("stock_take", 1, "issued", 9_800_000)]

    def test_a_count_that_agrees_is_written_down_all_the_same(self) -> None:
        floor = depot()
        floor.count(1, 10_000_000)
        assert [type(event) for event in floor.events] == [StockChanged]

    def test_more_than_ever_came_is_refused(self) -> None:
        floor = depot()
        floor.count(1, 10_000_001)
        assert floor.refusal() == ("surplus_over_shrinkage", "weight_g")
        floor.shrink(1, 5)
        floor.count(1, 10_000_001)
        assert floor.refusal() == ("surplus_over_shrinkage", "weight_g")
        floor.count(1, 10_000_000)
        assert floor.only(StockChanged).shrinkage_g == 0

    def test_nothing_there_is_a_count_too(self) -> None:
        floor = depot()
        floor.sell(CHEN, 1_000, 250)
        floor.count(1, 0)
        assert [event.reason for event in floor.all(OrderCancelled)] == ["stock_take"]
        assert floor.goods(CHEN) == (0, 0)
        floor.count(2, 0)
        assert floor.refusal() == ("unknown_lot", "lot_id")


class TestRegrade:
    def test_the_lot_trades_as_what_was_found(self) -> None:
        floor = depot()
        floor.sell(CHEN, 1_000, 250)
        floor.buy(LI, 1_000, 250)
        on_chens = floor.sell(CHEN, 500, 251)
        on_lis = floor.sell(LI, 500, 252)
        bid = floor.buy(WANG, 10, 200)
        floor.regrade(1, "2")
        assert cancelled(floor) == [
            (on_lis.order_id, "receipt_regraded"),
            (on_chens.order_id, "receipt_regraded"),
            (bid.order_id, "expired"),
        ]
        regraded = floor.only(LotRegraded)
        assert (regraded.previous_symbol, regraded.symbol, regraded.grade) == (SYMBOL, SECOND_CLASS, "2")
        assert floor.only(InstrumentDefined).symbol == SECOND_CLASS
        assert [(event.symbol, event.phase) for event in floor.all(PhaseChanged)] == [(SYMBOL, "closed")]
        assert floor.goods(CHEN, SYMBOL) == (0, 0)
        assert floor.goods(CHEN, SECOND_CLASS) == (9_000_000, 0)
        assert floor.all(BalanceChanged).count(BalanceChanged(LI, SYMBOL, 0, 0)) == 1
        assert floor.sell(LI, 1_000, 240, symbol=SECOND_CLASS).status == "resting"

    def test_expiry_is_never_put_off(self) -> None:
        floor = depot()
        was_ns = floor.the(1).expires_ns
        floor.regrade(1, "1", 2)
        assert floor.the(1).expires_ns == time_of("2026-12-09") < was_ns
        floor.regrade(1, "1", 1)
        assert floor.the(1).expires_ns == time_of("2026-12-09")

    def test_offers_stay_where_the_symbol_does(self) -> None:
        floor = depot()
        offer = floor.sell(CHEN, 500, 251)
        floor.regrade(1, "1", 2)
        assert not floor.all(OrderCancelled)
        assert floor.engine.live_order(offer.order_id) is not None
        floor.wait_until(time_of("2026-12-09"))
        assert cancelled(floor) == [(offer.order_id, "receipt_expired")]

    def test_fruit_that_has_turned_expires_at_once(self) -> None:
        floor = depot()
        floor.split(CHEN, 1, 4_000_000, 6_000_000)
        floor.hold(3)
        offer = floor.sell(CHEN, 500, 251)
        floor.regrade(1, "1", 5)
        assert cancelled(floor) == [(offer.order_id, "receipt_expired")]
        assert [change for change in changes(floor) if change[0] == "expired"] == [
            ("expired", 2, "expired", 4_000_000),
            ("expired", 3, "held", 6_000_000),
        ]
        floor.regrade(1, "1", 1)
        assert floor.refusal() == ("green_life_over", "lot_id")
        assert floor.engine.next_deadline_ns() is None

    def test_turned_fruit_of_another_class_opens_no_market(self) -> None:
        floor = depot()
        floor.regrade(1, "2", 5)
        phases = [(event.symbol, event.phase) for event in floor.all(PhaseChanged)]
        assert phases == [(SECOND_CLASS, "closed"), (SYMBOL, "closed")]
        assert floor.goods(CHEN, SECOND_CLASS) == (10_000_000, 10_000_000)

    def test_what_cannot_be_regraded(self) -> None:
        floor = depot()
        floor.regrade(2)
        assert floor.refusal() == ("unknown_lot", "lot_id")
        floor.regrade(1, "E", defect_permille=51)
        assert floor.refusal() == ("defects_over_tolerance", "defect_permille")
        floor.regrade(1, operator_id=CHEN)
        assert floor.refusal() == ("wrong_role", "operator_id")

    def test_a_pledge_stays_with_regraded_goods(self) -> None:
        floor = depot()
        floor.pledge(CHEN, 1)
        floor.regrade(1, "2")
        assert floor.the(1).state == "pledged"
        floor.release(1)
        assert floor.sell(CHEN, 1, 200, symbol=SECOND_CLASS).status == "resting"


class TestBusts:
    """A trade is not taken back once its goods are not what they were."""

    def traded(self) -> Depot:
        floor = depot()
        floor.sell(CHEN, 1_000, 250)
        floor.buy(LI, 1_000, 250)
        return floor

    @pytest.mark.parametrize(
        "change",
        [
            lambda floor: floor.split(LI, 2, 400_000, 600_000),
            lambda floor: floor.pledge(LI, 2),
            lambda floor: floor.hold(2),
            lambda floor: floor.shrink(1, 10),
            lambda floor: floor.regrade(1, "2"),
            lambda floor: floor.give(LI, 2, to=WANG),
        ],
    )
    def test_goods_that_have_changed_stay(self, change: Any) -> None:
        floor = self.traded()
        change(floor)
        floor.bust(1)
        assert floor.refusal() == ("goods_moved", "trade_id")

    def test_what_the_seller_does_with_the_rest_is_no_hindrance(self) -> None:
        floor = self.traded()
        floor.split(CHEN, 1, 4_000_000, 5_000_000)
        floor.pledge(CHEN, 3)
        floor.hold(4)
        floor.bust(1)
        assert floor.goods(CHEN) == (10_000_000, 9_000_000)


def test_references_are_remembered_over_a_restart() -> None:
    floor = depot()
    floor.split(CHEN, 1, 4_000_000, 6_000_000)
    floor.pledge(CHEN, 2)
    floor.give(CHEN, 3, to=LI)
    restored = type(floor.engine).restore(floor.engine.snapshot())
    restored.audit()
    assert restored.state_hash() == floor.engine.state_hash()
    assert restored.snapshot() == floor.engine.snapshot()
    floor.engine = restored
    floor.release(2)
    floor.pledge(CHEN, 2)
    assert floor.refusal() == ("duplicate_reference", "reference")
    floor.time_ns += HOUR_NS
    floor.give(CHEN, 2, to=LI)
    assert floor.refusal() == ("duplicate_reference", "reference")
