"""Fees round once, never shrink, know makers from takers, and what a buy has reserved covers what its fills cost."""

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from matching.messages import Side
from settlement.clearing import MILLION, Order

rates = st.integers(0, 1_000_000)
minima = st.integers(0, 1_000)
fills = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 1_000), st.booleans()), max_size=12)


def entered(
    side: Side, maker_ppm: int, minimum_fen: int, *, taker_ppm: int | None = None, quantity: int = 1, price: int = 1
) -> Order:
    return Order(
        order_id=1,
        client_order_id="c",
        participant_id=4,
        symbol="S",
        side=side,
        kind="limit",
        price=price,
        stop_price=None,
        quantity=quantity,
        time_in_force="gtc",
        expires_ns=None,
        display_quantity=None,
        minimum_quantity=None,
        post_only=False,
        named=None,
        fee_rate_ppm=maker_ppm,
        fee_taker_rate_ppm=maker_ppm if taker_ppm is None else taker_ppm,
        fee_minimum_fen=minimum_fen,
        bound=price if side == "buy" else None,
        lots=[],
        plain=True,
    )


def test_the_venues_default_on_round_figures() -> None:
    for traded_fen, minimum_fen, expected_fen in ((1, 0, 1), (2_000, 0, 1), (2_001, 0, 2), (2_001, 30, 30)):
        assert entered("buy", 500, minimum_fen).charge(traded_fen, aggressor=True) == expected_fen
    assert entered("buy", 500, 30).cost_fen(0) == 0


def test_a_maker_pays_the_makers_rate_and_a_taker_the_takers() -> None:
    order = entered("buy", 200, 0, taker_ppm=800)
    assert order.charge(1_000_000, aggressor=False) == 200
    assert order.charge(1_000_000, aggressor=True) == 800
    assert order.fee_fen == 1_000


def test_many_small_fills_are_rounded_up_once() -> None:
    order = entered("sell", 300, 0, taker_ppm=700)
    # 1.4 + 0.6 + 0.7 + 0.3 fen: the fee after each fill is rounded up, not each fill's own.
    assert [order.charge(amount, aggressor) for amount, aggressor in ((2_000, True), (2_000, False))] == [2, 0]
    assert [order.charge(amount, aggressor) for amount, aggressor in ((1_000, True), (1_000, False))] == [1, 0]


@given(st.sampled_from(("buy", "sell")), rates, rates, minima, fills)
def test_the_fee_is_the_schedule_on_all_that_was_traded(
    side: Side, maker_ppm: int, taker_ppm: int, minimum_fen: int, traded: list[tuple[int, int, bool]]
) -> None:
    order = entered(side, maker_ppm, minimum_fen, taker_ppm=taker_ppm)
    owed = Fraction(0)
    for quantity, price, aggressor in traded:
        due_fen = order.charge(quantity * price, aggressor)
        owed += Fraction((taker_ppm if aggressor else maker_ppm) * quantity * price, MILLION)
        assert due_fen >= 0
        assert side == "buy" or due_fen <= quantity * price, "no fill costs its seller more than it brings"
        expected_fen = max(minimum_fen, ceil(owed))
        assert order.fee_fen == (expected_fen if side == "buy" else min(expected_fen, order.traded_fen))


@given(rates, rates, minima, st.integers(1, 1_000), fills)
def test_a_reservation_covers_every_fill_at_its_price_or_below(
    maker_ppm: int, taker_ppm: int, minimum_fen: int, bound: int, traded: list[tuple[int, int, bool]]
) -> None:
    total = 1 + sum(quantity for quantity, _, _ in traded)
    order = entered("buy", maker_ppm, minimum_fen, taker_ppm=taker_ppm, quantity=total, price=bound)
    reserved = order.required_fen(order.quantity, bound)
    paid = 0
    for quantity, price, aggressor in traded:
        amount_fen = min(price, bound) * quantity
        order.filled += quantity
        cost_fen = amount_fen + order.charge(amount_fen, aggressor)
        left = order.required_fen(order.quantity, bound)
        assert 0 <= left <= reserved - cost_fen
        reserved = left
        paid += cost_fen
    assert paid == order.traded_fen + order.fee_fen
    order.quantity = order.filled
    assert order.required_fen(order.quantity, bound) == 0
