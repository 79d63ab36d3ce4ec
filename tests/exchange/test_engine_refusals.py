"""Every refusal has its reason, names the field at fault where there is one, and changes nothing."""

from typing import Any

import pytest

from exchange.engine import Engine
from matching.messages import (
    AdvanceTime,
    AmendOrder,
    AmendRejected,
    CancelOrder,
    CancelRejected,
    CommandRejected,
    OrderRejected,
)
from settlement.messages import (
    MAXIMUM_MONEY_FEN,
    ConfigureVenue,
    Deposit,
    EnterOrder,
    InspectLot,
    IssueReceipt,
    LoadOut,
    OrderRepeated,
    RegisterParticipant,
    RequestRefused,
    WeighLot,
)
from settlement.venue import VARIETIES, WAREHOUSES
from tests.exchange.floor import CHEN, LI, MONDAY, OPERATOR, SYMBOL, WAREHOUSE, Floor


@pytest.fixture
def floor() -> Floor:
    floor = Floor()
    floor.receipt(CHEN, 100_500)
    floor.deposit(LI, 10_000)
    return floor


def test_before_the_venue_is_configured_nothing_else_is_taken() -> None:
    engine = Engine()
    command = RegisterParticipant(name="li", display_name="Li", roles=("trader",))
    (refused,) = engine.execute(command, 1, MONDAY)
    assert refused == RequestRefused(command="register_participant", reason="venue_not_configured")
    assert engine.execute(AdvanceTime(MONDAY), 2, MONDAY) == ()


def test_a_rejected_order_is_reported_with_its_reason_and_holds_nothing(floor: Floor) -> None:
    report = floor.buy(LI, 100, 250)
    assert floor.events == [OrderRejected(report.order_id, "insufficient_funds"), report]
    assert (report.status, report.reason) == ("rejected", "insufficient_funds")
    assert (report.quantity, report.filled, report.remaining, report.displayed) == (100, 0, 0, 0)
    assert floor.money(LI) == (10_000, 0)
    assert floor.engine.live_orders(LI) == []


class TestOrders:
    def test_the_fee_is_part_of_what_a_buy_needs(self, floor: Floor) -> None:
        assert floor.buy(LI, 40, 250).reason == "insufficient_funds"
        assert floor.buy(LI, 39, 250).status == "resting"

    def test_more_kilograms_than_one_has(self, floor: Floor) -> None:
        assert floor.sell(CHEN, 101, 250).reason == "insufficient_goods"
        assert floor.sell(LI, 1, 250).reason == "insufficient_goods"
        assert floor.sell(CHEN, 100, 250).status == "resting"
        assert floor.sell(CHEN, 1, 250).reason == "insufficient_goods"

    def test_spare_grams_of_two_receipts_make_no_kilogram(self, floor: Floor) -> None:
        floor.receipt(CHEN, 100_500)
        assert floor.sell(CHEN, 201, 250).reason == "insufficient_goods"

    @pytest.mark.parametrize(
        ("lots", "reason"),
        [
            ((), "invalid_lots"),
            ((1, 1), "invalid_lots"),
            (tuple(range(1, 102)), "too_many_lots"),
            ((1, 99), "unknown_receipt"),
            ((2,), "unknown_receipt"),
            ((1,), "insufficient_goods"),
        ],
    )
    def test_named_receipts(self, floor: Floor, lots: tuple[int, ...], reason: str) -> None:
        floor.receipt(CHEN, 100_000, harvest_date="2026-11-12")
        assert floor.sell(CHEN, 101, 250, lots=lots).reason == reason

    def test_a_buy_names_no_receipts(self, floor: Floor) -> None:
        assert floor.buy(LI, 1, 250, lots=(1,)).reason == "invalid_lots"

    def test_a_receipt_of_another_is_unknown(self, floor: Floor) -> None:
        floor.sell(CHEN, 2, 250)
        floor.buy(LI, 2, 250)
        assert floor.sell(LI, 1, 250, lots=(1,)).reason == "unknown_receipt"
        assert floor.sell(LI, 1, 250, lots=(2,)).status == "resting"

    def test_an_offer_holds_at_most_a_hundred_receipts(self, floor: Floor) -> None:
        floor.deposit(LI, 1_000_000)
        floor.receipt(CHEN, 1_000)
        floor.sell(CHEN, 101, 200)
        for _ in range(101):
            floor.buy(LI, 1, 200)
        assert len(floor.held(LI)) == 101
        assert floor.sell(LI, 101, 210).reason == "too_many_lots"
        offer = floor.sell(LI, 100, 210)
        assert len(offer.lots or ()) == 100
        assert floor.amend(offer, quantity=101) == [AmendRejected(offer.order_id, "too_many_lots")]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"symbol": "BXJ-1-SX9-26W47"}, "unknown_symbol"),
            ({"quantity": 0}, "invalid_quantity"),
            ({"quantity": -5}, "invalid_quantity"),
            ({"price": None}, "invalid_price"),
            ({"price": 0}, "invalid_price"),
            ({"price": -1}, "invalid_price"),
            ({"stop_price": 240}, "invalid_stop_price"),
            ({"time_in_force": "gtd"}, "invalid_expires_ns"),
            ({"kind": "market"}, "invalid_price"),
            ({"display_quantity": 10**6 + 1}, "invalid_display_quantity"),
        ],
    )
    @pytest.mark.parametrize("side", ["buy", "sell"])
    def test_the_market_gives_its_reason_first(
        self, floor: Floor, side: Any, changes: dict[str, Any], reason: str
    ) -> None:
        """Nobody here could pay or deliver a million kilograms either."""
        fields = {"quantity": 10**6, "price": 250} | changes
        for participant_id in (LI, CHEN):
            report = floor.enter(participant_id, side, **fields)
            assert report.reason == reason
            assert floor.events == [OrderRejected(report.order_id, reason), report]

    def test_what_is_largest_is_still_only_too_much(self, floor: Floor) -> None:
        assert floor.buy(LI, 2**53 - 1, 2**53 - 1).reason == "insufficient_funds"
        assert floor.sell(CHEN, 2**53 - 1, 1).reason == "insufficient_goods"

    def test_an_unknown_participant_reaches_no_market(self, floor: Floor) -> None:
        floor.do(EnterOrder(participant_id=77, client_order_id="a", symbol=SYMBOL, side="buy", quantity=1, price=1))
        assert floor.refusal() == ("unknown_participant", "participant_id")

    def test_anothers_order_is_unknown(self, floor: Floor) -> None:
        offer = floor.sell(CHEN, 1, 250)
        assert floor.do(CancelOrder(offer.order_id, LI)) == [CancelRejected(offer.order_id, "unknown_order")]
        assert floor.do(AmendOrder(offer.order_id, LI, 5)) == [AmendRejected(offer.order_id, "unknown_order")]
        assert floor.do(CancelOrder(99, LI)) == [CancelRejected(99, "unknown_order")]


class TestClientIds:
    def test_the_same_order_twice_is_one_order(self, floor: Floor) -> None:
        first = floor.buy(LI, 1, 250, client_order_id="mine")
        sequence = floor.engine.sequence
        for content, changes in ((True, {}), (False, {"quantity": 2}), (False, {"time_in_force": "day"})):
            fields: dict[str, Any] = {"quantity": 1, "price": 250, "client_order_id": "mine"} | changes
            command = EnterOrder(participant_id=LI, symbol=SYMBOL, side="buy", **fields)
            assert floor.do(command) == [
                OrderRepeated(
                    participant_id=LI,
                    client_order_id="mine",
                    order_id=first.order_id,
                    first_sequence=sequence,
                    same_content=content,
                )
            ]
        assert len(floor.engine.live_orders(LI)) == 1

    def test_ids_are_each_participants_own(self, floor: Floor) -> None:
        floor.deposit(CHEN, 10_000)
        one = floor.buy(LI, 1, 240, client_order_id="x")
        other = floor.buy(CHEN, 1, 240, client_order_id="x")
        assert one.order_id != other.order_id
        assert floor.engine.order_id_of(CHEN, "x") == other.order_id

    def test_an_id_is_remembered_for_a_day_after_its_order_ended(self, floor: Floor) -> None:
        day_ns = 24 * 3_600 * 10**9
        order = floor.buy(LI, 1, 240, client_order_id="x")
        rejected = floor.buy(LI, 0, 240, client_order_id="y")
        floor.wait_until(MONDAY + 3 * day_ns)
        assert floor.engine.order_id_of(LI, "x") == order.order_id
        assert floor.engine.order_id_of(LI, "y") is None
        floor.cancel(order)
        floor.wait_until(MONDAY + 4 * day_ns - 1)
        assert floor.engine.order_id_of(LI, "x") == order.order_id
        floor.wait_until(MONDAY + 4 * day_ns)
        assert floor.engine.order_id_of(LI, "x") is None
        again = floor.buy(LI, 1, 240, client_order_id="x")
        assert again.order_id > rejected.order_id

    def test_a_rejected_order_keeps_its_id_too(self, floor: Floor) -> None:
        floor.buy(LI, 0, 240, client_order_id="y")
        floor.do(EnterOrder(participant_id=LI, symbol=SYMBOL, side="buy", quantity=0, price=240, client_order_id="y"))
        assert type(floor.events[0]) is OrderRepeated


class TestPeopleAndMoney:
    def test_a_name_is_given_once(self, floor: Floor) -> None:
        floor.register("li", "trader")
        assert floor.refusal() == ("name_taken", "name")

    @pytest.mark.parametrize("roles", [(), ("trader", "trader")])
    def test_roles_are_some_and_each_once(self, floor: Floor, roles: tuple[str, ...]) -> None:
        floor.register("zhang", *roles)
        assert floor.refusal() == ("invalid_roles", "roles")

    def test_a_banks_reference_is_taken_once(self, floor: Floor) -> None:
        floor.deposit(LI, 1, "statement-7")
        floor.deposit(CHEN, 2, "statement-7")
        assert floor.refusal() == ("duplicate_reference", "reference")

    def test_money_for_nobody(self, floor: Floor) -> None:
        floor.deposit(77, 1)
        assert floor.refusal() == ("unknown_participant", "participant_id")

    def test_all_the_money_stays_within_63_bits(self, floor: Floor) -> None:
        largest = MAXIMUM_MONEY_FEN - 10_000
        floor.do(Deposit(participant_id=LI, amount_fen=largest, reference="all"))
        floor.do(Deposit(participant_id=CHEN, amount_fen=1, reference="more"))
        assert floor.refusal() == ("exceeds_maximum", "amount_fen")
        assert floor.money(LI) == (MAXIMUM_MONEY_FEN, 0)

    @pytest.mark.parametrize("field", ["warehouses", "varieties"])
    def test_a_venue_names_each_code_once(self, floor: Floor, field: str) -> None:
        twice = {"warehouses": WAREHOUSES, "varieties": VARIETIES}[field] * 2
        before = floor.engine.venue()
        floor.configure(**{field: twice})
        assert floor.refusal() == (f"invalid_{field}", field)
        assert floor.engine.venue() == before
        assert isinstance(before, ConfigureVenue)


class TestLots:
    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"variety": "XX"}, ("unknown_variety", "variety")),
            ({"warehouse": "ZZ1"}, ("unknown_warehouse", "warehouse")),
            ({"harvest_date": "2026-02-29"}, ("invalid_harvest_date", "harvest_date")),
            ({"harvest_date": "2026-13-01"}, ("invalid_harvest_date", "harvest_date")),
            ({"harvest_date": "2026-11-24"}, ("harvest_in_future", "harvest_date")),
            ({"harvest_date": "2026-10-26"}, ("past_green_life", "harvest_date")),
            ({"cartons": 333}, ("implausible_weight", "weight_g")),
            ({"cartons": 2**53 - 1, "weight_g": 10**9 + 1}, ("implausible_weight", "weight_g")),
        ],
    )
    def test_an_announcement_that_cannot_be(
        self, floor: Floor, changes: dict[str, Any], refusal: tuple[str, str]
    ) -> None:
        floor.announce(**changes)
        assert floor.refusal() == refusal
        assert floor.engine.lots() == []

    def test_the_day_is_the_venues_own(self, floor: Floor) -> None:
        """At 00:30 in Suixi it is still yesterday in Greenwich."""
        floor.wait_until(MONDAY + 14 * 3_600 * 10**9 + 1_800 * 10**9)
        floor.announce(harvest_date="2026-11-24")
        assert floor.engine.lots()[0].harvest_date == "2026-11-24"

    def test_only_a_grower_announces(self, floor: Floor) -> None:
        floor.announce(LI)
        assert floor.refusal() == ("wrong_role", "participant_id")
        floor.announce(77)
        assert floor.refusal() == ("unknown_participant", "participant_id")

    def test_an_obliged_seller_names_a_certificate(self, floor: Floor) -> None:
        floor.register("cooperative", "grower", obliged=True)
        floor.announce(6)
        assert floor.refusal() == ("certificate_required", "certificate_number")
        floor.announce(6, certificate_number="440823-2026-1123")
        assert floor.engine.lots()[0].certificate_number == "440823-2026-1123"

    def test_steps_come_in_their_order_and_once(self, floor: Floor) -> None:
        floor.announce()
        lot_id = 2
        floor.inspect(lot_id)
        assert floor.refusal() == ("not_weighed", "lot_id")
        floor.issue(lot_id)
        assert floor.refusal() == ("not_inspected", "lot_id")
        floor.weigh(lot_id)
        floor.weigh(lot_id)
        assert floor.refusal() == ("already_weighed", "lot_id")
        floor.issue(lot_id)
        assert floor.refusal() == ("not_inspected", "lot_id")
        floor.inspect(lot_id)
        floor.inspect(lot_id)
        assert floor.refusal() == ("already_inspected", "lot_id")
        floor.issue(lot_id)
        for step in (floor.weigh, floor.inspect, floor.issue):
            step(lot_id)
            assert floor.refusal() == ("lot_closed", "lot_id")
            step(99)
            assert floor.refusal() == ("unknown_lot", "lot_id")

    @pytest.mark.parametrize(
        ("gross_g", "tare_g", "refusal"),
        [
            (500, 500, ("invalid_tare_g", "tare_g")),
            (500, 501, ("invalid_tare_g", "tare_g")),
            (30_000_002, 1, ("implausible_weight", "gross_g")),
        ],
    )
    def test_weights_that_cannot_be(self, floor: Floor, gross_g: int, tare_g: int, refusal: tuple[str, str]) -> None:
        floor.announce()
        floor.do(WeighLot(operator_id=WAREHOUSE, lot_id=2, gross_g=gross_g, tare_g=tare_g, scale_id="s"))
        assert floor.refusal() == refusal

    @pytest.mark.parametrize("operator_id", [77, LI, OPERATOR])
    def test_only_the_warehouse_weighs_inspects_issues_and_loads_out(self, floor: Floor, operator_id: int) -> None:
        floor.announce()
        reason = "unknown_participant" if operator_id == 77 else "wrong_role"
        commands = (
            WeighLot(operator_id=operator_id, lot_id=2, gross_g=2, tare_g=1, scale_id="s"),
            InspectLot(operator_id=operator_id, lot_id=2, grade="1", colour_stage=1),
            IssueReceipt(operator_id=operator_id, lot_id=2),
            LoadOut(operator_id=operator_id, receipt_id=1),
        )
        for command in commands:
            floor.do(command)
            assert floor.refusal() == (reason, "operator_id")


class TestInstrumentsAndTime:
    @pytest.mark.parametrize("symbol", ["", "BANANA", "BXJ-3-SX1-26W47", "BXJ-1-SX1-26W54", "bxj-1-SX1-26W47"])
    def test_a_symbol_says_what_it_is(self, floor: Floor, symbol: str) -> None:
        floor.define(symbol)
        assert floor.refusal() == ("invalid_symbol", "symbol")

    def test_a_symbol_names_what_the_venue_has(self, floor: Floor) -> None:
        floor.define("ZZZ-1-SX1-26W47")
        assert floor.refusal() == ("unknown_variety", "symbol")
        floor.define("BXJ-1-SX9-26W47")
        assert floor.refusal() == ("unknown_warehouse", "symbol")

    def test_the_markets_own_refusals_pass_through(self, floor: Floor) -> None:
        assert floor.define() == [CommandRejected("define_instrument", SYMBOL, "wrong_phase")]
        assert floor.phase("continuous") == [CommandRejected("set_phase", SYMBOL, "wrong_phase")]
        assert floor.phase("closed", "BXJ-1-SX2-26W47") == [
            CommandRejected("set_phase", "BXJ-1-SX2-26W47", "unknown_symbol")
        ]

    def test_a_command_cannot_run_ahead_of_its_batch(self, floor: Floor) -> None:
        assert floor.do(AdvanceTime(MONDAY + 1)) == [CommandRejected("advance_time", None, "time_ahead")]
        assert floor.do(AdvanceTime(MONDAY)) == []
        assert floor.engine.time_ns == MONDAY
