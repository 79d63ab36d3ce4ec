"""Receipts keep their weight: reserved, released, delivered in parts, expired and loaded out, grams are never lost."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from settlement.receipts import GRAMS, Lots, Receipts
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


class Store(RuleBasedStateMachine):
    """Random stock, offers, fills, expiries and load-outs; the receipts audit themselves at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.receipts = Receipts()
        self.offers: list[Lots] = []
        self.came_g = 0
        self.left_g = 0
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

    @rule(pick=st.integers(0, 20))
    def order_out_or_load(self, pick: int) -> None:
        live = list(self.receipts.all())
        if live:
            receipt = live[pick % len(live)]
            if receipt.state != "issued":
                self.left_g += receipt.weight_g
                self.receipts.load_out(receipt)
            elif not receipt.reserved_g:
                self.receipts.order_delivery(receipt)

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
        self.receipts.audit()
        live = list(self.receipts.all())
        assert sum(receipt.weight_g for receipt in live) == self.came_g - self.left_g
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
