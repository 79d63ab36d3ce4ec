"""A lot at the gate: the truck, the scale, the inspection of sizes and skins, and how much the receipt is for."""

from typing import Any

import pytest

from settlement.messages import ArriveLot, InspectLot, IssueReceipt, LotChanged, ReceiptChanged, Variety
from settlement.venue import VARIETIES
from tests.exchange.floor import CHEN, HOUR_NS, MONDAY, WAREHOUSE, Floor, time_of


def arrive(floor: Floor, lot_id: int = 1, operator_id: int = WAREHOUSE, **changes: Any) -> list[Any]:
    fields = {"plate": "粤G12345", "carrier": "Suixi Cold Haulage"} | changes
    return floor.do(ArriveLot(operator_id=operator_id, lot_id=lot_id, **fields))


def inspected(floor: Floor, **found: Any) -> Any:
    """What an inspection of a new lot makes of it."""
    lot_id = floor.only(LotChanged, floor.announce()).lot.lot_id
    floor.weigh(lot_id)
    fields = {"grade": "1", "colour_stage": 1} | found
    return floor.only(LotChanged, floor.do(InspectLot(operator_id=WAREHOUSE, lot_id=lot_id, **fields))).lot


def test_a_truck_arrives_and_its_lot_is_weighed() -> None:
    floor = Floor()
    floor.announce(marks="CHEN / 7")
    lot = floor.only(LotChanged, arrive(floor)).lot
    assert (lot.status, lot.arrived_ns, lot.plate, lot.carrier, lot.marks) == (
        "arrived",
        MONDAY,
        "粤G12345",
        "Suixi Cold Haulage",
        "CHEN / 7",
    )
    assert floor.only(LotChanged, floor.weigh(1)).lot.status == "weighed"


def test_an_arrival_may_be_written_down_later() -> None:
    floor = Floor()
    floor.announce()
    assert floor.only(LotChanged, arrive(floor, arrived_ns=MONDAY - HOUR_NS)).lot.arrived_ns == MONDAY - HOUR_NS


def test_arrivals_that_cannot_be() -> None:
    floor = Floor()
    floor.announce()
    arrive(floor, 2)
    assert floor.refusal() == ("unknown_lot", "lot_id")
    arrive(floor, operator_id=CHEN)
    assert floor.refusal() == ("wrong_role", "operator_id")
    arrive(floor, arrived_ns=MONDAY + 1)
    assert floor.refusal() == ("arrival_in_future", "arrived_ns")
    arrive(floor, arrived_ns=time_of("2026-11-20") - 1)
    assert floor.refusal() == ("arrival_before_harvest", "arrived_ns")
    arrive(floor)
    arrive(floor)
    assert floor.refusal() == ("already_arrived", "lot_id")
    floor.inspect(1)
    assert floor.refusal() == ("not_weighed", "lot_id")
    floor.weigh(1)
    arrive(floor)
    assert floor.refusal() == ("already_weighed", "lot_id")


def test_a_lot_that_came_and_was_never_weighed_spoils_like_others() -> None:
    floor = Floor()
    floor.announce()
    arrive(floor)
    floor.wait_until(time_of("2026-12-18"))
    assert floor.only(LotChanged).lot.reason == "green_life_over"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"finger_length_mm": 139}, "undersized"),
        ({"thickness_mm": 26}, "undersized"),
        ({"blemish_mm2": 201}, "blemishes_over_tolerance"),
        ({"grade": "E", "blemish_mm2": 201}, "blemishes_over_tolerance"),
        ({"grade": "2", "blemish_mm2": 401, "finger_length_mm": 1}, "blemishes_over_tolerance"),
        ({"defect_permille": 101, "blemish_mm2": 401}, "defects_over_tolerance"),
        ({"thickness_mm": 20, "colour_stage": 5}, "undersized"),
    ],
)
def test_small_or_blemished_fruit_is_refused(found: dict[str, Any], reason: str) -> None:
    lot = inspected(Floor(), **found)
    assert (lot.status, lot.reason) == ("refused", reason)


@pytest.mark.parametrize(
    "found",
    [
        {"finger_length_mm": 140, "thickness_mm": 27},
        {"blemish_mm2": 200},
        {"grade": "2", "blemish_mm2": 400},
        {},
    ],
)
def test_at_the_measure_itself_a_lot_is_good(found: dict[str, Any]) -> None:
    lot = inspected(Floor(), **found)
    assert lot.status == "inspected"
    assert lot.finger_length_mm == found.get("finger_length_mm")


def test_a_small_variety_has_measures_of_its_own() -> None:
    floor = Floor()
    lady_finger = Variety(
        code="BXJ",
        name_zh="皇帝蕉",
        name_en="Lady Finger",
        green_life_days=14,
        finger_length_minimum_mm=80,
        thickness_minimum_mm=20,
    )
    floor.configure(varieties=(lady_finger, *VARIETIES[1:]))
    assert inspected(floor, finger_length_mm=80, thickness_mm=20).status == "inspected"
    assert inspected(floor, finger_length_mm=79).reason == "undersized"


class TestTheReceiptsWeight:
    def weighed(self) -> Floor:
        floor = Floor()
        floor.announce()
        floor.weigh(1, 9_800_000)
        floor.inspect(1)
        return floor

    def issue(self, floor: Floor, weight_g: int | None) -> list[Any]:
        return floor.do(IssueReceipt(operator_id=WAREHOUSE, lot_id=1, weight_g=weight_g))

    def test_a_receipt_for_more_than_was_weighed_is_refused(self) -> None:
        floor = self.weighed()
        self.issue(floor, 9_800_001)
        assert floor.refusal() == ("more_than_weighed", "weight_g")
        self.issue(floor, 9_800_000)
        assert floor.only(ReceiptChanged).receipt.weight_g == 9_800_000

    def test_a_receipt_may_be_for_less(self) -> None:
        floor = self.weighed()
        self.issue(floor, 9_799_000)
        assert floor.only(ReceiptChanged).receipt.weight_g == 9_799_000
        assert floor.goods(CHEN) == (9_799_000, 0)

    def test_storage_counts_from_the_day_of_issue(self) -> None:
        floor = self.weighed()
        self.issue(floor, None)
        assert floor.only(ReceiptChanged).receipt.storage_from_day == MONDAY // (24 * HOUR_NS)
