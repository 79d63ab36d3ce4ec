"""Deliveries under a contract, as the gate sees them: who answers, what it costs, and what the contract's end does."""

from settlement.messages.contracts import ApproveOutcome, OpenDispute, ProposeOutcome
from settlement.messages.delivery import BuyInAttempted
from tests.exchange.contract_floor import ContractFloor
from tests.exchange.floor import CHEN, DAY_NS, LI, OPERATOR, WAREHOUSE, time_of
from tests.exchange.gate import SECOND_OPERATOR, wall


def delivering() -> ContractFloor:
    """Li has paid 1,000,000 fen for four tonnes of Chen's and may fetch them by delivery 1."""
    floor = ContractFloor()
    floor.bought()
    floor.pay()
    floor.tender()
    return floor


def test_the_order_is_the_buyers_and_knows_its_contract() -> None:
    floor = delivering()
    order = floor.engine.delivery.get(1)
    assert order is not None
    assert (order.contract_id, order.participant_id, order.tries_left) == (1, LI, None)
    floor.cancel_delivery(1, CHEN)
    assert floor.refusal() == ("unknown_delivery", "delivery_id")
    floor.cancel_delivery(1)
    assert floor.refusal() == ("under_contract", "delivery_id")


def test_a_contract_says_itself_who_answers_and_at_which_price() -> None:
    floor = delivering()
    floor.report_failure(1)
    floor.start_buy_in(1, 240)
    assert floor.refusal() == ("price_of_contract", "base_price")
    floor.start_buy_in(1, None, defaulter_id=WAREHOUSE)
    assert floor.refusal() == ("defaulter_of_contract", "defaulter_id")
    floor.start_buy_in(1, None)
    buy_in = floor.buy_in()
    assert (buy_in.defaulter_id, buy_in.base_price, buy_in.contract_id) == (CHEN, 250, 1)
    assert floor.only(BuyInAttempted).reason == "wrong_mode", "what is listed has no book"


def test_a_buyer_who_came_too_late_has_nobody_to_answer_for_it() -> None:
    floor = delivering()
    floor.wait_until(time_of("2026-11-28", 10))
    assert floor.contract().state == "uncollected"
    floor.report_failure(1, "spoiled")
    floor.start_buy_in(1, None)
    assert floor.refusal()[0] in ("same_participant", "contract_ended")


def test_more_may_be_missing_than_a_receipt_of_ones_own_allows() -> None:
    """The contract judges the weight: a tenth less settles, and so does what the parties agree on."""
    floor = delivering()
    floor.renew_code(1, "AAAA1111")
    floor.book(1, wall(11))
    floor.time_ns = wall(11)
    floor.weigh_out(1, 3_000_000, last=True)
    assert floor.refusal() == ("reason_required", "reason")
    floor.weigh_out(1, 3_000_000, last=True, reason="half of a chamber froze")
    floor.hand_over(1, "AAAA1111")
    order = floor.order()
    assert (order.state, order.handed_g, order.wasted_g) == ("handed_over", 3_000_000, 1_000_000)
    assert floor.contract().settled_g is None, "a quarter is too much to settle without a word"


def test_a_dispute_that_ends_during_a_buy_in_stops_it() -> None:
    """The operators have decided who bears the loss: nobody pays for it twice."""
    floor = delivering()
    floor.report_failure(1)
    floor.start_buy_in(1, None)
    assert floor.buy_in().attempts_left == 2
    floor.do(OpenDispute(participant_id=CHEN, contract_id=1, reason="it was not my chamber"))
    held = floor.contract()
    everything = held.escrow_fen + held.buyer_earnest_fen + held.seller_earnest_fen
    outcome = {"buyer_fen": everything, "seller_fen": 0, "risk_fund_fen": 0, "goods_to": "seller"}
    floor.do(ProposeOutcome(operator_id=OPERATOR, contract_id=1, reason="all back", **outcome))  # type: ignore[arg-type]
    floor.do(ApproveOutcome(operator_id=SECOND_OPERATOR, contract_id=1))
    assert floor.engine.contracts.get(1) is None
    li, chen = floor.money(LI), floor.money(CHEN)
    floor.wait_until(floor.time_ns + DAY_NS)
    buy_in = floor.buy_in()
    assert (buy_in.reason, buy_in.ended_ns, buy_in.attempts) == ("contract_ended", floor.time_ns, 1)
    assert (buy_in.bought_g, buy_in.settled_g, buy_in.uncovered_fen) == (0, 0, 0)
    assert floor.order().state == "made_good"
    assert (floor.money(LI), floor.money(CHEN)) == (li, chen)


def test_a_failed_order_ends_with_its_contract() -> None:
    floor = delivering()
    floor.report_failure(1)
    floor.do(OpenDispute(participant_id=LI, contract_id=1, reason="nobody says anything"))
    held = floor.contract()
    everything = held.escrow_fen + held.buyer_earnest_fen + held.seller_earnest_fen
    outcome = {"buyer_fen": everything, "seller_fen": 0, "risk_fund_fen": 0, "goods_to": "seller"}
    floor.do(ProposeOutcome(operator_id=OPERATOR, contract_id=1, reason="all back", **outcome))  # type: ignore[arg-type]
    floor.do(ApproveOutcome(operator_id=SECOND_OPERATOR, contract_id=1))
    assert floor.order().state == "cancelled"
    assert floor.engine.delivery.all() == []
    assert floor.goods(LI) == (0, 0)
