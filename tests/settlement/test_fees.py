"""Fees round once, never shrink, and what a buy has reserved always covers what its fills cost."""

from hypothesis import given
from hypothesis import strategies as st

from settlement.clearing import Order, fee_fen, seller_fee_fen

rates = st.integers(0, 1_000_000)
minima = st.integers(0, 1_000)
amounts = st.integers(0, 10**12)


def bid(rate_ppm: int, minimum_fen: int, quantity: int, bound: int) -> Order:
    return Order(
        1,
        "c",
        4,
        "S",
        "buy",
        "limit",
        bound,
        None,
        quantity,
        "gtc",
        None,
        None,
        None,
        False,
        None,
        rate_ppm,
        minimum_fen,
        bound,
        [],
        True,
    )


def test_the_venues_default_on_round_figures() -> None:
    assert fee_fen(500, 0, 0) == 0
    assert fee_fen(500, 0, 1) == 1
    assert fee_fen(500, 0, 2_000) == 1
    assert fee_fen(500, 0, 2_001) == 2
    assert fee_fen(500, 30, 2_001) == 30
    assert fee_fen(500, 30, 0) == 0


@given(rates, minima, amounts, amounts)
def test_more_trade_never_costs_less(rate_ppm: int, minimum_fen: int, traded: int, more: int) -> None:
    assert fee_fen(rate_ppm, minimum_fen, traded) <= fee_fen(rate_ppm, minimum_fen, traded + more)


@given(rates, minima, amounts, st.integers(1, 10**12))
def test_no_fill_costs_its_seller_more_than_it_brings(rate_ppm: int, minimum_fen: int, traded: int, fill: int) -> None:
    before = seller_fee_fen(rate_ppm, minimum_fen, traded)
    assert 0 <= seller_fee_fen(rate_ppm, minimum_fen, traded + fill) - before <= fill


@given(
    rates,
    minima,
    st.integers(1, 1_000),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 1_000)), max_size=12),
)
def test_a_reservation_covers_every_fill_at_its_price_or_below(
    rate_ppm: int, minimum_fen: int, bound: int, fills: list[tuple[int, int]]
) -> None:
    order = bid(rate_ppm, minimum_fen, 1 + sum(quantity for quantity, _ in fills), bound)
    reserved = order.required_fen(order.quantity, bound)
    paid = 0
    for quantity, price in fills:
        amount = min(price, bound) * quantity
        order.filled += quantity
        order.traded_fen += amount
        fee = fee_fen(rate_ppm, minimum_fen, order.traded_fen)
        cost = amount + fee - order.fee_fen
        order.fee_fen = fee
        left = order.required_fen(order.quantity, bound)
        assert 0 <= left <= reserved - cost
        reserved = left
        paid += cost
    assert paid == order.traded_fen + fee_fen(rate_ppm, minimum_fen, order.traded_fen)
    order.quantity = order.filled
    assert order.required_fen(order.quantity, bound) == 0
