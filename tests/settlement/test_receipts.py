"""Receipts keep their weight: reserved, released, delivered in parts, expired and loaded out, grams are never lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from settlement.messages import Hold, HoldCause, Pledge
from settlement.receipts import GRAMS, LiveReceipt, Lots, Receipts, shares
from settlement.symbols import symbol_of

LI, WANG = 4, 5
SYMBOL = "BXJ-1-SX1-26W47"


def issued(receipts: Receipts, lot_id: int, weight_g: int, holder: int = LI, harvest_day: int = 20_777) -> int:
    receipt = receipts.issue(lot_id, holder, SYMBOL, "SX1", "2026-11-20", harvest_day, weight_g, 1_000 + lot_id, 2, 1)
    return receipt.receipt_id


def test_reserving_takes_the_oldest_harvest_then_the_lowest_number() -> None:
    receipts = Receipts()
    issued(receipts, 1, 5_000, harvest_day=20_779)
    issued(receipts, 2, 5_000, harvest_day=20_777)
    issued(receipts, 3, 5_999, harvest_day=20_777)
    held: Lots = []
    assert receipts.reserve(LI, SYMBOL, 12, None, held) is None
    assert held == [[2, 5], [3, 5], [1, 2]]
    assert receipts.balance(LI, SYMBOL) == (15_999, 12_000)
    more: Lots = []
    assert receipts.reserve(LI, SYMBOL, 4, None, more) == "insufficient_goods"
    assert more == []
    receipts.release(held, 8)
    assert held == [[2, 4]]
    assert receipts.reserve(LI, SYMBOL, 3, None, more) is None
    assert more == [[2, 1], [3, 2]]
    receipts.audit()


def test_more_of_the_receipt_held_last_joins_its_entry() -> None:
    receipts = Receipts()
    issued(receipts, 1, 5_000)
    held: Lots = []
    receipts.reserve(LI, SYMBOL, 2, None, held)
    assert receipts.reserve(LI, SYMBOL, 3, None, held) is None
    assert held == [[1, 5]]


def test_named_receipts_are_taken_in_their_order_and_no_others() -> None:
    receipts = Receipts()
    for lot_id in (1, 2, 3):
        issued(receipts, lot_id, 2_000)
    held: Lots = []
    assert receipts.reserve(LI, SYMBOL, 3, (3, 1), held) is None
    assert held == [[3, 2], [1, 1]]
    assert receipts.reserve(LI, SYMBOL, 2, (3, 1), held) == "insufficient_goods"
    assert receipts.reserve(WANG, SYMBOL, 1, (3,), held) == "unknown_receipt"
    assert held == [[3, 2], [1, 1]]


def test_a_delivery_over_two_receipts_makes_two_new_ones() -> None:
    receipts = Receipts()
    issued(receipts, 1, 2_500)
    issued(receipts, 2, 2_000)
    held: Lots = []
    receipts.reserve(LI, SYMBOL, 4, None, held)
    handovers = receipts.deliver(held, 3, WANG, 9)
    assert [(part.sold.receipt_id, part.bought.receipt_id, part.kilograms) for part in handovers] == [
        (1, 3, 2),
        (2, 4, 1),
    ]
    assert held == [[2, 1]]
    assert [receipt.weight_g for receipt in receipts.of(WANG)] == [2_000, 1_000]
    assert [receipt.weight_g for receipt in receipts.of(LI)] == [500, 1_000]
    receipts.audit()


def pledge(lender_id: int = 9) -> Pledge:
    return Pledge(lender_id=lender_id, reference="loan", amount_fen=100, since_ns=1)


def hold(cause: HoldCause = "quality") -> Hold:
    return Hold(cause=cause, reason="why", operator_id=2, since_ns=1)


class TestWhatBecomesOfAReceipt:
    """Each by itself; the offices look before they do it."""

    def only(self, weight_g: int = 10_000) -> tuple[Receipts, LiveReceipt]:
        receipts = Receipts()
        issued(receipts, 1, weight_g)
        receipt = receipts.get(1)
        assert receipt is not None
        return receipts, receipt

    def test_a_split_conserves_weight_and_descent(self) -> None:
        receipts, receipt = self.only(10_001)
        receipts.charge_storage_from(receipt, 20_800)
        parts = receipts.split(receipt, (1, 4_000, 6_000), 9)
        assert [(each.receipt_id, each.weight_g, each.parent_receipt_id) for each in parts] == [
            (2, 1, 1),
            (3, 4_000, 1),
            (4, 6_000, 1),
        ]
        assert [each.storage_from_day for each in parts] == [20_800] * 3
        assert (receipt.state, receipts.get(1)) == ("split", None)
        assert receipts.balance(LI, SYMBOL) == (10_001, 0)
        receipts.audit()

    def test_merged_receipts_are_one_that_pays_storage_from_the_earliest_day(self) -> None:
        receipts, receipt = self.only()
        parts = receipts.split(receipt, (4_000, 6_000), 9)
        receipts.charge_storage_from(parts[0], 20_800)
        merged = receipts.merge(parts, 10)
        assert (merged.receipt_id, merged.weight_g, merged.parent_receipt_id) == (4, 10_000, 2)
        assert merged.storage_from_day == parts[1].storage_from_day < 20_800
        assert [each.state for each in parts] == ["merged", "merged"]
        receipts.audit()

    def test_the_new_holder_has_a_receipt_of_his_own(self) -> None:
        receipts, receipt = self.only()
        taken = receipts.transfer(receipt, WANG, 9)
        assert (taken.receipt_id, taken.participant_id, taken.parent_receipt_id, receipt.state) == (2, WANG, 1, "split")
        assert receipts.balance(LI, SYMBOL) == (0, 0)
        assert receipts.balance(WANG, SYMBOL) == (10_000, 0)
        receipts.audit()

    def test_pledged_goods_are_his_and_cannot_be_sold(self) -> None:
        receipts, receipt = self.only()
        receipts.pledge(receipt, pledge())
        assert receipts.balance(LI, SYMBOL) == (10_000, 10_000)
        assert not receipts.tradable(SYMBOL)
        assert receipts.reserve(LI, SYMBOL, 1, (1,), []) == "unknown_receipt"
        assert receipts.reserve(LI, SYMBOL, 1, None, []) == "insufficient_goods"
        receipts.release_pledge(receipt)
        assert receipts.reserve(LI, SYMBOL, 10, None, []) is None
        receipts.audit()

    def test_a_hold_returns_to_what_lies_beneath_it(self) -> None:
        receipts, receipt = self.only()
        receipts.pledge(receipt, pledge())
        receipts.hold(receipt, hold("court"))
        receipts.hold(receipt, hold("quality"))
        receipts.lift(receipt, "court")
        assert receipt.state == "held"
        receipts.audit()
        receipts.lift(receipt, "quality")
        assert receipt.state == "pledged"
        receipts.audit()

    def test_a_pledge_may_be_released_under_a_hold(self) -> None:
        receipts, receipt = self.only()
        receipts.pledge(receipt, pledge())
        receipts.hold(receipt, hold())
        receipts.release_pledge(receipt)
        receipts.audit()
        receipts.lift(receipt, "quality")
        assert (receipt.state, receipts.balance(LI, SYMBOL)) == ("issued", (10_000, 0))
        receipts.audit()

    def test_what_expired_under_a_hold_is_expired_when_it_is_lifted(self) -> None:
        receipts, receipt = self.only()
        receipts.pledge(receipt, pledge())
        receipts.hold(receipt, hold())
        for each in receipts.expiring(1_001):
            receipts.expire(each)
        assert receipt.state == "held"
        receipts.audit()
        receipts.lift(receipt, "quality")
        assert (receipt.state, receipt.pledge) == ("expired", pledge())
        receipts.release_pledge(receipt)
        assert receipt.state == "expired"
        receipts.audit()

    def test_what_is_ordered_out_does_not_expire_under_a_hold(self) -> None:
        receipts, receipt = self.only()
        receipts.order_delivery(receipt)
        receipts.hold(receipt, hold())
        assert receipts.expiring(1_001) == []
        receipts.lift(receipt, "quality")
        assert receipt.state == "delivery_ordered"
        receipts.audit()

    def test_a_replacement_is_as_pledged_and_as_held_as_the_lost_one(self) -> None:
        receipts, receipt = self.only()
        receipts.pledge(receipt, pledge())
        receipts.hold(receipt, hold("court"))
        receipts.hold(receipt, hold("loss"))
        new = receipts.replace(receipt, 9)
        assert (new.receipt_id, new.parent_receipt_id, new.state, new.pledge) == (2, 1, "held", pledge())
        assert [each.cause for each in new.holds] == ["court"]
        assert [each.receipt_id for each in receipts.all()] == [2]
        assert receipt.state == "replaced"
        receipts.lift(new, "court")
        assert new.state == "pledged"
        receipts.audit()

    def test_goods_leave_in_parts_and_the_receipt_with_the_last(self) -> None:
        receipts, receipt = self.only()
        receipts.order_delivery(receipt)
        stock = receipts.load_out(receipt, 3_500)
        assert (receipt.weight_g, receipt.state, stock.weight_g) == (6_500, "delivery_ordered", 6_500)
        assert receipts.balance(LI, SYMBOL) == (6_500, 6_500)
        receipts.audit()
        receipts.load_out(receipt, 6_500)
        assert (receipt.weight_g, receipt.state, receipts.find_stock(1)) == (6_500, "delivered", None)
        receipts.audit()

    def test_a_receipt_issued_in_error_leaves_nothing(self) -> None:
        receipts, receipt = self.only()
        receipts.void(receipt)
        assert not receipts.emptied
        assert (receipt.state, list(receipts.all()), list(receipts.stocks())) == ("void", [], [])
        receipts.audit()

    def test_shrinkage_takes_kilograms_out_of_sale_and_a_stock_take_brings_them_back(self) -> None:
        receipts, receipt = self.only(2_000)
        stock = receipts.stock(1)
        receipts.shrink(stock, [(receipt, 1_001)])
        assert receipts.reserve(LI, SYMBOL, 1, None, []) == "insufficient_goods"
        assert (stock.weight_g, stock.shrinkage_g) == (999, 1_001)
        receipts.audit()
        receipts.grow(stock, [(receipt, 1)])
        assert receipts.reserve(LI, SYMBOL, 1, None, []) is None
        receipts.audit()

    def test_a_receipt_that_has_lost_its_last_gram_is_void(self) -> None:
        receipts, receipt = self.only()
        small, large = receipts.split(receipt, (3, 9_997), 9)
        stock = receipts.stock(1)
        receipts.shrink(stock, [(small, 3), (large, 0)])
        assert (small.state, small.weight_g, receipts.get(2)) == ("void", 0, None)
        assert (stock.weight_g, stock.shrinkage_g) == (9_997, 3)
        receipts.audit()

    def test_regraded_receipts_trade_as_another_symbol_in_the_order_of_their_numbers(self) -> None:
        other = "BXJ-2-SX1-26W47"
        receipts, receipt = self.only()
        receipts.issue(2, LI, other, "SX1", "2026-11-20", 20_777, 5_000, 1_002, 2, 1)
        sold = receipts.split(receipt, (4_000, 6_000), 9)
        receipts.transfer(sold[1], WANG, 9)
        receipts.pledge(sold[0], pledge())
        told = receipts.regrade(receipts.stock(1), other)
        assert [each.receipt_id for each in told] == [3, 5]
        assert receipts.balance(LI, SYMBOL) == (0, 0)
        assert receipts.balance(LI, other) == (9_000, 4_000)
        assert receipts.symbols_of(WANG) == [other]
        receipts.audit()

    def test_a_life_can_only_be_shortened(self) -> None:
        receipts, _ = self.only()
        stock = receipts.stock(1)
        assert not receipts.shorten(stock, 1_001)
        assert receipts.shorten(stock, 500)
        assert not receipts.shorten(stock, 700)
        assert receipts.next_expiry_ns() == 500
        for each in receipts.expiring(500):
            receipts.expire(each)
        assert receipts.next_expiry_ns() is None

    def test_a_life_shortened_to_this_moment_still_ends_after_a_restart(self) -> None:
        receipts, _ = self.only()
        receipts.shorten(receipts.stock(1), 500)
        restored = Receipts()
        restored.restore(*receipts.state(), 500)
        assert [each.receipt_id for each in restored.expiring(500)] == [1]
        for each in receipts.expiring(500):
            receipts.expire(each)
        restored = Receipts()
        restored.restore(*receipts.state(), 500)
        assert restored.next_expiry_ns() is None


class TestShares:
    def spread(self, weight_g: int, *weights_g: int) -> list[int]:
        receipts = Receipts()
        issued(receipts, 1, sum(weights_g))
        receipt = receipts.get(1)
        assert receipt is not None
        parts = receipts.split(receipt, weights_g, 9) if len(weights_g) > 1 else [receipt]
        spread = shares(weight_g, parts)
        assert [each for each, _ in spread] == parts
        return [grams for _, grams in spread]

    def test_each_bears_his_part_and_the_largest_remainders_the_rest(self) -> None:
        assert self.spread(10, 3_000, 3_000, 4_000) == [3, 3, 4]
        assert self.spread(1, 3_000, 3_000, 4_000) == [0, 0, 1]
        assert self.spread(2, 5_000, 5_000, 5_000) == [1, 1, 0]
        assert self.spread(7, 1, 1, 1, 97) == [0, 0, 0, 7]

    def test_all_of_it_takes_all(self) -> None:
        assert self.spread(10_000, 1, 2, 9_997) == [1, 2, 9_997]

    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=12), st.data())
    def test_it_adds_up_and_nobody_loses_more_than_he_has(self, weights_g: list[int], data: st.DataObject) -> None:
        total_g = sum(weights_g)
        weight_g = data.draw(st.integers(0, total_g))
        spread = self.spread(weight_g, *weights_g)
        assert sum(spread) == weight_g
        for mine_g, lost_g in zip(weights_g, spread, strict=True):
            exact = weight_g * mine_g
            assert exact // total_g <= lost_g <= -(-exact // total_g)


class Store(RuleBasedStateMachine):
    """Random stock, offers, fills, expiries and load-outs, and all that an office does with receipts; they audit
    themselves at each step.
    """

    def __init__(self) -> None:
        super().__init__()
        self.receipts = Receipts()
        self.offers: list[Lots] = []
        self.came_g = 0
        self.left_g = 0
        self.lost_g = 0
        self.lots = 0
        self.now_ns = 0

    @rule(holder=st.sampled_from([LI, WANG]), weight_g=st.integers(1, 20_000), day=st.integers(20_770, 20_774))
    def stock(self, holder: int, weight_g: int, day: int) -> None:
        self.lots += 1
        symbol = symbol_of("BXJ", "1", "SX1", day)
        expires_ns = self.now_ns + 1 + day % 3
        self.receipts.issue(self.lots, holder, symbol, "SX1", "2026-11-20", day, weight_g, expires_ns, 2, self.now_ns)
        self.came_g += weight_g

    @rule(holder=st.sampled_from([LI, WANG]), kilograms=st.integers(1, 30), extra=st.booleans())
    def offer(self, holder: int, kilograms: int, extra: bool) -> None:
        for symbol in self.receipts.symbols_of(holder):
            held: Lots = []
            before = self.receipts.balance(holder, symbol)
            refusal = self.receipts.reserve(holder, symbol, kilograms, None, held)
            if refusal is None and extra:
                self.receipts.reserve(holder, symbol, 1, None, held)
            assert (refusal is None) == bool(held)
            if refusal is not None:
                assert self.receipts.balance(holder, symbol) == before
            else:
                self.offers.append(held)

    @precondition(lambda self: self.offers)
    @rule(pick=st.integers(0, 20), kilograms=st.integers(1, 30), buyer=st.sampled_from([LI, WANG, 6]))
    def fill(self, pick: int, kilograms: int, buyer: int) -> None:
        held = self.offers[pick % len(self.offers)]
        kilograms = min(kilograms, sum(part for _, part in held))
        handovers = self.receipts.deliver(held, kilograms, buyer, self.now_ns)
        assert sum(part.kilograms for part in handovers) == kilograms
        assert all(part.bought.weight_g == part.kilograms * GRAMS for part in handovers)
        self.offers = [held for held in self.offers if held]

    @precondition(lambda self: self.offers)
    @rule(pick=st.integers(0, 20), kilograms=st.integers(1, 30))
    def withdraw(self, pick: int, kilograms: int) -> None:
        held = self.offers[pick % len(self.offers)]
        self.receipts.release(held, min(kilograms, sum(part for _, part in held)))
        self.offers = [held for held in self.offers if held]

    def pick(self, pick: int, *states: str) -> LiveReceipt | None:
        """One of the receipts in these states with nothing reserved."""
        found = [each for each in self.receipts.all() if each.state in states and not each.reserved_g]
        return found[pick % len(found)] if found else None

    @rule(pick=st.integers(0, 20))
    def order_out(self, pick: int) -> None:
        receipt = self.pick(pick, "issued")
        if receipt is not None:
            self.receipts.order_delivery(receipt)

    @rule(pick=st.integers(0, 20), part=st.integers(1, 3))
    def load(self, pick: int, part: int) -> None:
        receipt = self.pick(pick, "delivery_ordered", "expired")
        if receipt is not None:
            weight_g = max(1, receipt.weight_g // part)
            self.left_g += weight_g
            self.receipts.load_out(receipt, weight_g)

    @rule(pick=st.integers(0, 20), at=st.integers(1, 999))
    def split(self, pick: int, at: int) -> None:
        receipt = self.pick(pick, "issued")
        if receipt is not None and receipt.weight_g > 1:
            first_g = max(1, receipt.weight_g * at // 1_000)
            parts = self.receipts.split(receipt, (first_g, receipt.weight_g - first_g), self.now_ns)
            assert sum(part.weight_g for part in parts) == receipt.weight_g

    @rule(pick=st.integers(0, 20))
    def merge(self, pick: int) -> None:
        first = self.pick(pick, "issued")
        if first is not None:
            mine = [
                each
                for each in self.receipts.of_lot(first.lot_id)
                if each.participant_id == first.participant_id and each.state == "issued" and not each.reserved_g
            ]
            if len(mine) > 1:
                assert self.receipts.merge(mine, self.now_ns).weight_g == sum(each.weight_g for each in mine)

    @rule(pick=st.integers(0, 20), to=st.sampled_from([LI, WANG, 6]))
    def give(self, pick: int, to: int) -> None:
        receipt = self.pick(pick, "issued")
        if receipt is not None and receipt.participant_id != to:
            assert self.receipts.transfer(receipt, to, self.now_ns).weight_g == receipt.weight_g

    @rule(pick=st.integers(0, 20))
    def pledge_or_release(self, pick: int) -> None:
        receipt = self.pick(pick, "issued", "pledged", "held", "expired")
        if receipt is None:
            return
        if receipt.pledge is not None:
            self.receipts.release_pledge(receipt)
        elif receipt.state == "issued":
            self.receipts.pledge(receipt, pledge())

    @rule(pick=st.integers(0, 20), cause=st.sampled_from(["quality", "court", "loss"]))
    def hold_or_lift(self, pick: int, cause: HoldCause) -> None:
        receipt = self.pick(pick, "issued", "pledged", "held", "expired", "delivery_ordered")
        if receipt is None:
            return
        if any(each.cause == cause for each in receipt.holds):
            self.receipts.lift(receipt, cause)
        else:
            self.receipts.hold(receipt, hold(cause))

    @rule(pick=st.integers(0, 20))
    def replace(self, pick: int) -> None:
        receipt = self.pick(pick, "held")
        if receipt is not None and any(each.cause == "loss" for each in receipt.holds):
            assert self.receipts.replace(receipt, self.now_ns).weight_g == receipt.weight_g

    @rule(pick=st.integers(0, 20))
    def void(self, pick: int) -> None:
        receipt = self.pick(pick, "issued")
        if receipt is not None:
            self.left_g += receipt.weight_g
            self.receipts.void(receipt)

    @rule(pick=st.integers(0, 20), permille=st.integers(-1_000, 1_000))
    def count(self, pick: int, permille: int) -> None:
        """Lose or find; what is reserved is only ever lost with its offers, which offices see to."""
        stocks = list(self.receipts.stocks())
        if not stocks:
            return
        stock = stocks[pick % len(stocks)]
        receipts = self.receipts.of_lot(stock.lot_id)
        if permille < 0:
            weight_g = stock.shrinkage_g * -permille // 1_000
            self.receipts.grow(stock, shares(weight_g, receipts))
            self.lost_g -= weight_g
        elif not any(each.reserved_g for each in receipts):
            weight_g = stock.weight_g * permille // 1_000
            self.receipts.shrink(stock, shares(weight_g, receipts))
            self.lost_g += weight_g

    @rule(pick=st.integers(0, 20), grade=st.sampled_from(["E", "1", "2"]), sooner=st.integers(0, 2))
    def regrade(self, pick: int, grade: str, sooner: int) -> None:
        stocks = [
            each
            for each in self.receipts.stocks()
            if not any(receipt.reserved_g for receipt in self.receipts.of_lot(each.lot_id))
        ]
        if stocks:
            stock = stocks[pick % len(stocks)]
            self.receipts.regrade(stock, symbol_of("BXJ", grade, "SX1", stock.harvest_day))
            if stock.expires_ns > self.now_ns + 1:
                self.receipts.shorten(stock, max(self.now_ns + 1, stock.expires_ns - sooner))

    @rule()
    def expire(self) -> None:
        self.now_ns += 1
        for receipt in self.receipts.expiring(self.now_ns):
            for held in self.offers:
                if any(receipt_id == receipt.receipt_id for receipt_id, _ in held):
                    self.receipts.release(held, sum(part for _, part in held))
            self.offers = [held for held in self.offers if held]
            self.receipts.expire(receipt)
        next_ns = self.receipts.next_expiry_ns()
        assert next_ns is None or next_ns > self.now_ns

    @rule()
    def restart(self) -> None:
        restored = Receipts()
        last_receipt_id, stocks, live = self.receipts.state()
        restored.restore(last_receipt_id, stocks, live, self.now_ns)
        assert restored.next_expiry_ns() == self.receipts.next_expiry_ns()
        self.receipts = restored

    @invariant()
    def weighs_right(self) -> None:
        assert all(
            stock.shrinkage_g and self.receipts.find_stock(stock.lot_id) is None for stock in self.receipts.emptied
        )
        self.receipts.emptied.clear()
        self.receipts.audit()
        live = list(self.receipts.all())
        assert sum(receipt.weight_g for receipt in live) == self.came_g - self.left_g - self.lost_g
        held: dict[int, int] = {}
        for lots in self.offers:
            for receipt_id, kilograms in lots:
                held[receipt_id] = held.get(receipt_id, 0) + kilograms * GRAMS
        assert held == {receipt.receipt_id: receipt.reserved_g for receipt in live if receipt.reserved_g}


@pytest.mark.soak
class TestStore(Store.TestCase):  # type: ignore[name-defined,misc]
    """As many examples and steps as the profile says."""


def test_a_receipts_message_tells_what_its_lot_knows() -> None:
    receipts = Receipts()
    issued(receipts, 1, 2_500)
    message: Any = receipts.message(next(receipts.all()))
    assert (message.symbol, message.warehouse, message.expires_ns, message.issued_by) == (SYMBOL, "SX1", 1_001, 2)
