"""What storage costs: by grams and days alone, rounded up once, never cheaper in parts and hardly dearer."""

from hypothesis import given
from hypothesis import strategies as st

from settlement.messages.storage import StorageTariff
from settlement.storage import (
    accrued_fen,
    below_storage,
    chargeable_after_payment,
    chargeable_after_trade,
    first_chargeable_day,
    paid_from_proceeds_fen,
    tariff_of,
)

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, free_days=3, insurance_fen_per_tonne_day=20)

tariffs = st.builds(
    StorageTariff,
    warehouse=st.just("SX1"),
    fen_per_tonne_day=st.integers(0, 5_000),
    free_days=st.integers(0, 10),
    free_days_after_trade=st.integers(0, 10),
    insurance_fen_per_tonne_day=st.integers(0, 500),
)
weights = st.integers(1, 50_000_000)
days = st.integers(0, 60)


def test_ten_tonnes_for_a_week_after_three_free_days() -> None:
    first = first_chargeable_day(TARIFF, 100)
    assert first == 103
    assert accrued_fen(TARIFF, 10_000_000, first, 102) == 0
    assert accrued_fen(TARIFF, 10_000_000, first, 103) == 0
    assert accrued_fen(TARIFF, 10_000_000, first, 104) == 3_200
    assert accrued_fen(TARIFF, 10_000_000, first, 110) == 22_400


def test_a_started_fen_is_a_fen() -> None:
    assert accrued_fen(TARIFF, 1, 0, 1) == 1
    assert accrued_fen(TARIFF, 3_125, 0, 1) == 1
    assert accrued_fen(TARIFF, 3_126, 0, 1) == 2


def test_where_no_tariff_holds_storage_is_free() -> None:
    assert tariff_of((TARIFF,), "SX2") is None
    assert tariff_of((TARIFF,), "SX1") is TARIFF
    assert first_chargeable_day(None, 100) == 100
    assert accrued_fen(None, 10_000_000, 100, 400) == 0
    assert chargeable_after_trade(None, 100, 110) == 110


def test_a_buyer_inherits_free_days_and_is_given_none_unless_the_tariff_says_so() -> None:
    assert chargeable_after_trade(TARIFF, 103, 101) == 103
    assert chargeable_after_trade(TARIFF, 103, 110) == 110
    generous = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, free_days=3, free_days_after_trade=2)
    assert chargeable_after_trade(generous, 103, 110) == 112


def test_what_the_proceeds_do_not_cover_lapses_and_no_offer_begins_below_it() -> None:
    assert paid_from_proceeds_fen(500, 800) == 500
    assert paid_from_proceeds_fen(500, 300) == 300
    assert paid_from_proceeds_fen(500, 0) == 0
    assert below_storage(549, 50, 500)
    assert not below_storage(550, 50, 500)
    assert not below_storage(0, 50, 0)


@given(tariff=tariffs, parts=st.lists(weights, min_size=1, max_size=8), lain=days)
def test_split_receipts_cost_no_less_than_the_whole_and_at_most_a_fen_more_each(
    tariff: StorageTariff, parts: list[int], lain: int
) -> None:
    whole = accrued_fen(tariff, sum(parts), 100, 100 + lain)
    split = sum(accrued_fen(tariff, part, 100, 100 + lain) for part in parts)
    assert whole <= split <= whole + len(parts) - 1


@given(tariff=tariffs, weight_g=weights, visits=st.lists(days, min_size=1, max_size=8))
def test_paying_often_costs_no_less_than_paying_once_and_at_most_a_fen_more_each_time(
    tariff: StorageTariff, weight_g: int, visits: list[int]
) -> None:
    issued = 100
    from_day = first = first_chargeable_day(tariff, issued)
    paid = 0
    for today in sorted(issued + visit for visit in visits):
        paid += accrued_fen(tariff, weight_g, from_day, today)
        from_day = chargeable_after_payment(from_day, today)
        assert accrued_fen(tariff, weight_g, from_day, today) == 0, "the same day costs nothing again"
    whole = accrued_fen(tariff, weight_g, first, max(first, issued + max(visits)))
    assert whole <= paid <= whole + len(visits) - 1


@given(tariff=tariffs, parts=st.lists(weights, min_size=2, max_size=6), paid_after=days, lain=days, data=st.data())
def test_in_which_order_parts_are_paid_or_sold_makes_no_difference(
    tariff: StorageTariff, parts: list[int], paid_after: int, lain: int, data: st.DataObject
) -> None:
    """Each part is charged by its own grams and days, so that no order favours anyone."""

    def total(order: list[int]) -> int:
        at, end = 100 + paid_after, 100 + paid_after + lain
        cost = 0
        for weight_g in order:
            cost += accrued_fen(tariff, weight_g, 100, at)
            sold = chargeable_after_trade(tariff, 100, at)
            assert sold >= 100
            cost += accrued_fen(tariff, weight_g, sold, end)
        return cost

    assert total(parts) == total(data.draw(st.permutations(parts)))


@given(tariff=tariffs, weight_g=weights, lain=days)
def test_selling_on_charges_every_day_once_but_for_days_that_the_tariff_gives(
    tariff: StorageTariff, weight_g: int, lain: int
) -> None:
    today, end = 100 + lain // 2, 100 + lain
    seller = accrued_fen(tariff, weight_g, 100, today)
    buyer = accrued_fen(tariff, weight_g, chargeable_after_trade(tariff, 100, today), end)
    whole = accrued_fen(tariff, weight_g, 100, end)
    if tariff.free_days_after_trade == 0:
        assert whole <= seller + buyer <= whole + 1
    else:
        assert seller + buyer <= whole + 1
