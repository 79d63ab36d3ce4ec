"""Loggers and their readings: in the order of time, harmless twice, refused from the future or too old."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.climate import MAXIMUM_LOGGERS, Climate, minutes_lost, outside_dc
from settlement.messages.climate import (
    MAXIMUM_READINGS,
    ClimateRule,
    LoggerRegistered,
    LotPlaced,
    PlaceLot,
    ReadingsRecorded,
    RecordReadings,
    RegisterLogger,
)
from tests.settlement.stores import CHEN, MONDAY, OPERATOR, WAREHOUSE, Stores

MINUTE = 60 * 10**9
RULE = ClimateRule()


def stores_with_a_logger(**configured: Any) -> Stores:
    stores = Stores(Climate, **configured)
    stores.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="SX1-A", warehouse="SX1"))
    return stores


def record(*readings: tuple[int, int, int | None], **changes: Any) -> RecordReadings:
    fields: dict[str, Any] = {"operator_id": WAREHOUSE, "logger_id": "SX1-A", "warehouse": "SX1"}
    return RecordReadings(**(fields | {"readings": readings} | changes))


def test_readings_are_recorded_in_order_and_sending_them_again_is_harmless() -> None:
    stores = stores_with_a_logger()
    first = ((MONDAY - 3 * MINUTE, 138, 920), (MONDAY - 2 * MINUTE, 139, None))
    assert stores.do(record(*first)) == [ReadingsRecorded(logger_id="SX1-A", warehouse="SX1", readings=first)]
    assert stores.do(record(*first)) == [ReadingsRecorded(logger_id="SX1-A", warehouse="SX1", readings=(), repeated=2)]
    more = (MONDAY - MINUTE, 141, 915)
    (told,) = stores.do(record(*first, more, more))
    assert (told.readings, told.repeated) == ((more,), 3)


def test_the_last_2000_readings_are_known_and_no_more() -> None:
    stores = stores_with_a_logger()
    start = MONDAY - 3_000 * MINUTE
    readings = [(start + at * MINUTE, 140, None) for at in range(MAXIMUM_READINGS + 1)]
    stores.do(record(readings[0]))
    stores.do(record(*readings[1:]))
    assert stores.refused(record(readings[0])) == ("reading_too_old", "readings[0]")
    (told,) = stores.do(record(*readings[1:]))
    assert told.repeated == MAXIMUM_READINGS


@pytest.mark.parametrize(
    ("readings", "refusal"),
    [
        ([(MONDAY - 1, 140, 900), (MONDAY + 1, 140, 900)], ("reading_in_future", "readings[1]")),
        ([(MONDAY - 9, 140, 900)], ("reading_too_old", "readings[0]")),
        ([(MONDAY - 5, 140, 901)], ("reading_too_old", "readings[0]")),
        ([(MONDAY - 2, 140, 900), (MONDAY - 3, 140, 900)], ("invalid_readings", "readings[1]")),
        ([(MONDAY - 2, 140, 900), (MONDAY - 2, 141, 900)], ("invalid_readings", "readings[1]")),
    ],
)
def test_one_reading_at_fault_refuses_all_and_is_named(
    readings: list[tuple[int, int, int | None]], refusal: tuple[str, str]
) -> None:
    stores = stores_with_a_logger(climate=RULE)
    stores.do(record((MONDAY - 5, 140, 900)))
    assert stores.refused(record(*readings)) == refusal


def test_a_reading_of_this_very_moment_is_not_from_the_future() -> None:
    stores = stores_with_a_logger()
    (told,) = stores.do(record((MONDAY, 140, None)))
    assert len(told.readings) == 1


def test_who_may_record_and_for_which_logger() -> None:
    stores = stores_with_a_logger()
    reading = (MONDAY, 140, None)
    assert stores.refused(record(reading, operator_id=99)) == ("unknown_participant", "operator_id")
    assert stores.refused(record(reading, operator_id=CHEN)) == ("wrong_role", "operator_id")
    assert stores.refused(record(reading, warehouse="XX9")) == ("unknown_warehouse", "warehouse")
    assert stores.refused(record(reading, warehouse="SX2")) == ("unknown_logger", "logger_id")
    assert stores.refused(record(reading, logger_id="B")) == ("unknown_logger", "logger_id")


def test_loggers_are_registered_by_staff_for_a_warehouse_that_there_is() -> None:
    stores = Stores(Climate)
    logger = RegisterLogger(operator_id=OPERATOR, logger_id="L1", warehouse="SX2", chamber="C3")
    assert stores.do(logger) == [LoggerRegistered(logger_id="L1", warehouse="SX2", chamber="C3")]
    assert stores.refused(RegisterLogger(operator_id=CHEN, logger_id="L2", warehouse="SX1"))[0] == "wrong_role"
    assert stores.refused(RegisterLogger(operator_id=OPERATOR, logger_id="L2", warehouse="XX9"))[0] == (
        "unknown_warehouse"
    )
    for number in range(1, MAXIMUM_LOGGERS):
        stores.do(RegisterLogger(operator_id=OPERATOR, logger_id=f"N{number}", warehouse="SX1"))
    assert stores.refused(RegisterLogger(operator_id=OPERATOR, logger_id="one-more", warehouse="SX1"))[0] == (
        "too_many_loggers"
    )
    stores.do(RegisterLogger(operator_id=OPERATOR, logger_id="L1", warehouse="SX1"))
    assert stores.office.loggers()[0].warehouse == "SX1"


def test_a_logger_that_was_moved_still_knows_what_it_has_read() -> None:
    stores = stores_with_a_logger()
    reading = (MONDAY - MINUTE, 140, None)
    stores.do(record(reading))
    stores.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="SX1-A", warehouse="SX2"))
    (told,) = stores.do(record(reading, warehouse="SX2"))
    assert told.repeated == 1


def test_a_lot_is_placed_in_a_chamber_while_goods_of_it_lie_there() -> None:
    stores = Stores(Climate)
    receipt = stores.store()
    place = PlaceLot(operator_id=WAREHOUSE, lot_id=receipt.lot_id, chamber="C1")
    assert stores.do(place) == [LotPlaced(lot_id=1, warehouse="SX1", chamber="C1")]
    assert stores.office.chamber_of(1) == "C1"
    assert stores.refused(PlaceLot(operator_id=WAREHOUSE, lot_id=2, chamber="C1")) == ("unknown_lot", "lot_id")
    assert stores.refused(PlaceLot(operator_id=CHEN, lot_id=1, chamber="C1"))[0] == "wrong_role"
    stores.do(PlaceLot(operator_id=WAREHOUSE, lot_id=1))
    assert stores.office.chamber_of(1) is None


@pytest.mark.parametrize(
    ("temperature_dc", "outside", "minutes"),
    [
        (119, 1, 30),
        (120, 0, 0),
        (150, 0, 0),
        (151, 1, 9),
        (160, 10, 9),
        (161, 11, 19),
        (200, 50, 60),
        (250, 100, 180),
        (400, 250, 180),
        (60, 60, 280),
        (-50, 170, 280),
    ],
)
def test_what_an_hour_outside_the_range_costs(temperature_dc: int, outside: int, minutes: int) -> None:
    assert outside_dc(RULE, temperature_dc) == outside
    assert minutes_lost(RULE, temperature_dc) == minutes


@given(st.integers(-500, 600), st.integers(-500, 600))
def test_farther_from_the_range_is_never_cheaper(one_dc: int, other_dc: int) -> None:
    near, far = sorted((one_dc, other_dc), key=lambda each: outside_dc(RULE, each))
    if (near > RULE.high_dc) == (far > RULE.high_dc):
        assert minutes_lost(RULE, near) <= minutes_lost(RULE, far)


def test_the_office_comes_back_as_it_was() -> None:
    stores = stores_with_a_logger(climate=ClimateRule(tolerated_seconds=60))
    stores.store()
    stores.do(PlaceLot(operator_id=WAREHOUSE, lot_id=1, chamber="C1"))
    stores.do(record((MONDAY - 180 * MINUTE, 200, None), (MONDAY - 120 * MINUTE, 210, 800), (MONDAY, 200, None)))
    other = Climate(stores.books)
    other.restore(stores.office.state())
    assert other.state() == stores.office.state()
    assert other.digest() == stores.office.digest()
    other.audit()
