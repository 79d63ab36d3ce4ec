"""Whatever the parties, the operators and the clock do: the office and a clerk who works by hand agree to the fen."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from settlement.messages import Hold
from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    AnswerObjection,
    ApproveOutcome,
    ConfirmForceMajeure,
    ContractTerms,
    DeclareForceMajeure,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    WithdrawObjection,
)
from tests.settlement.contract_books import CHEN, DEPUTY, LI, OPERATOR, ContractBooks, time_of
from tests.settlement.contract_model import HOUR, LIVE, Box, Clerk

LAST_TRADE = time_of("2026-12-01")
"""Later the trading days that are told, and the goods in the store, do not last for a contract."""

PICK = st.integers(0, 7)
RARELY = st.integers(0, 7).map(lambda each: each == 5)
"""What ends a contract early, so that most live long enough to end otherwise."""


class OfficeAndClerk(RuleBasedStateMachine):
    """Rules do what is allowed, by the clerk's view of it; the office must allow it too, and come to the same sums."""

    @initialize(automatic=st.booleans(), late_permille=st.sampled_from([200, 3]))
    def begin(self, automatic: bool, late_permille: int) -> None:
        self.terms = ContractTerms(
            earnest_permille=200,
            payment_days=1,
            pickup_days=2,
            final_days=4,
            termination_days=3,
            objection_hours=30,
            late_permille=late_permille,
            automatic_tender=automatic,
        )
        self.office = ContractBooks(self.terms)
        self.clerk = Clerk(self.terms, self.office.books.time_ns)

    def _box(self, pick: int, *states: str) -> tuple[int, Box] | None:
        found = [(number, box) for number, box in self.clerk.boxes.items() if box.state in states]
        return found[pick % len(found)] if found else None

    def _any(self, *states: str) -> bool:
        return any(box.state in states for box in self.clerk.boxes.values())

    def _do(self, kind: Any, who: int, number: int, **fields: Any) -> None:
        self.office.do(kind(participant_id=who, contract_id=number, **fields))

    @rule(price=st.integers(1, 700), kilograms=st.integers(1, 9), spare=st.sampled_from([0, 3, 10_000]))
    def trade(self, price: int, kilograms: int, spare: int) -> None:
        if len(self.clerk.boxes) == 8 or self.clerk.now >= LAST_TRADE:
            return
        value = price * kilograms
        need = -(-value // 5) + -(-value // 2_000)
        for who in (CHEN, LI):
            amount = max(need - self.office.cash(who), 0) + spare
            if amount:
                self.office.deposit(who, amount)
                self.clerk.purse[who] += amount
        self.office.store(kilograms)
        contract = self.office.trade(price, kilograms)
        midnights = contract.pay_by_ns, contract.pickup_by_ns, contract.final_by_ns
        self.clerk.conclude(contract.contract_id, price, kilograms, *midnights)

    @precondition(lambda self: self._any("concluded", "tendered", "overdue"))
    @rule(pick=PICK)
    def pay(self, pick: int) -> None:
        found = self._box(pick, "concluded", "tendered", "overdue")
        assert found is not None
        number, box = found
        if box.paid:
            return
        missing = box.value - self.office.cash(LI)
        if missing > 0:
            command = PayContract(participant_id=LI, contract_id=number)
            assert self.office.refused(command) == "insufficient_funds"
            self.office.deposit(LI, missing)
            self.clerk.purse[LI] += missing
        self._do(PayContract, LI, number)
        self.clerk.pay(number)

    @precondition(lambda self: self._any("concluded", "paid", "overdue"))
    @rule(pick=PICK)
    def tender(self, pick: int) -> None:
        found = self._box(pick, "concluded", "paid", "overdue")
        assert found is not None
        number, box = found
        command = TenderGoods(participant_id=CHEN, contract_id=number)
        if box.on_hold:
            assert self.office.refused(command) == "goods_not_at_hand"
        elif not box.tendered:
            self.office.do(command)
            self.clerk.tender(number)

    @precondition(lambda self: self._any("concluded", "paid", "tendered", "overdue"))
    @rule(pick=PICK)
    def hold_or_lift(self, pick: int) -> None:
        found = self._box(pick, "concluded", "paid", "tendered", "overdue")
        assert found is not None
        number, box = found
        contract = self.office.contracts.get(number)
        assert contract is not None
        receipt = self.office.books.receipts.get(contract.receipt_ids[0])
        assert receipt is not None
        if box.on_hold:
            self.office.books.receipts.lift(receipt, "quality")
        else:
            hold = Hold(cause="quality", reason="rot", operator_id=2, since_ns=self.office.books.time_ns)
            self.office.books.receipts.hold(receipt, hold)
        box.on_hold = not box.on_hold

    @precondition(lambda self: self._any("delivering", "uncollected", "disputed"))
    @rule(pick=PICK, permille=st.sampled_from([700, 899, 900, 950, 1_000, 1_049, 1_100, 1_101, 1_300]))
    def fetch(self, pick: int, permille: int) -> None:
        found = self._box(pick, "delivering", "uncollected", "disputed")
        assert found is not None
        number, box = found
        contract = self.office.contracts.get(number)
        assert contract is not None
        if contract.delivery_ids:
            grams = box.kilograms * permille
            self.office.fetch(contract, grams)
            self.clerk.fetch(number, grams)

    @precondition(lambda self: self._any("weighed"))
    @rule(pick=PICK, who=st.sampled_from([CHEN, LI]), permille=st.sampled_from([700, 800, 1_200]))
    def state_weight(self, pick: int, who: int, permille: int) -> None:
        found = self._box(pick, "weighed")
        assert found is not None
        number, box = found
        grams = box.kilograms * permille
        worth = box.price * grams // 1_000
        command = AgreeWeight(participant_id=who, contract_id=number, weight_g=grams)
        if who == LI and worth > box.escrow + box.earnest[LI] + self.office.cash(LI):
            assert self.office.refused(command) == "insufficient_funds"
            return
        self.office.do(command)
        self.clerk.state_weight(number, who, grams)

    @precondition(lambda self: self._any("part_paid"))
    @rule(pick=PICK)
    def accept(self, pick: int) -> None:
        found = self._box(pick, "part_paid")
        assert found is not None
        number, box = found
        if not box.accepted:
            self._do(AcceptGoods, LI, number)
            self.clerk.accept(number)

    @precondition(lambda self: self._any("part_paid", "weighed"))
    @rule(pick=PICK, permille=st.sampled_from([1, 150, 500, 1_000]))
    def object(self, pick: int, permille: int) -> None:
        found = self._box(pick, "part_paid", "weighed")
        assert found is not None
        number, box = found
        contract = self.office.contracts.get(number)
        assert contract is not None
        assert contract.weighed_g is not None
        base = box.settled if box.state == "part_paid" else box.price * contract.weighed_g // 1_000
        claim = base * permille // 1_000
        command = ObjectQuality(
            participant_id=LI,
            contract_id=number,
            reason="rot",
            claim_fen=max(claim, 1),
            photo_digests=("00" * 32,),
        )
        if box.accepted or self.clerk.now >= box.window_ends:
            assert self.office.refused(command) == "objection_too_late"
        elif box.objected:
            assert self.office.refused(command) == "already_objected"
        elif claim < 1:
            return
        else:
            self.office.do(command)
            self.clerk.object(number, claim)

    @precondition(lambda self: self._any("objected", "weighed"))
    @rule(pick=PICK)
    def withdraw(self, pick: int) -> None:
        found = self._box(pick, "objected", "weighed")
        assert found is not None
        number, box = found
        if box.claim:
            self._do(WithdrawObjection, LI, number)
            self.clerk.withdraw(number)

    @precondition(lambda self: self._any("objected"))
    @rule(pick=PICK, accepted=st.booleans())
    def answer(self, pick: int, accepted: bool) -> None:
        found = self._box(pick, "objected")
        assert found is not None
        number, box = found
        command = AnswerObjection(participant_id=CHEN, contract_id=number, accepted=accepted, reason="seen")
        if not accepted:
            self.office.do(command)
            box.state = "disputed"
        elif box.claim > box.escrow + box.earnest[CHEN] + self.office.cash(CHEN):
            assert self.office.refused(command) == "insufficient_funds"
        else:
            self.office.do(command)
            self.clerk.grant(number)

    @precondition(lambda self: self._any("part_paid", "objected"))
    @rule(pick=PICK)
    def invoice(self, pick: int) -> None:
        found = self._box(pick, "part_paid", "objected")
        assert found is not None
        number, box = found
        if not box.invoiced:
            amount = box.settled - box.granted
            self._do(RegisterInvoice, CHEN, number, invoice_number=str(number), amount_fen=amount)
            self.clerk.invoice(number)

    @precondition(lambda self: self._any("overdue", "delivering", "uncollected", "weighed", "part_paid", "objected"))
    @rule(pick=PICK, who=st.sampled_from([CHEN, LI]), angry=RARELY)
    def dispute(self, pick: int, who: int, angry: bool) -> None:
        found = self._box(pick, "overdue", "delivering", "uncollected", "weighed", "part_paid", "objected")
        assert found is not None
        number, box = found
        if angry:
            self._do(OpenDispute, who, number, reason="no answer")
            box.state = "disputed"

    @precondition(lambda self: self._any("disputed"))
    @rule(
        pick=PICK,
        buyer=st.integers(0, 1_000),
        seller=st.integers(0, 1_000),
        goods_to=st.sampled_from(["buyer", "seller"]),
    )
    def decide(self, pick: int, buyer: int, seller: int, goods_to: Any) -> None:
        found = self._box(pick, "disputed")
        assert found is not None
        number, box = found
        buyer_fen = box.held * buyer // 1_000
        seller_fen = (box.held - buyer_fen) * seller // 1_000
        self.office.do(
            ProposeOutcome(
                operator_id=OPERATOR,
                contract_id=number,
                buyer_fen=buyer_fen,
                seller_fen=seller_fen,
                risk_fund_fen=box.held - buyer_fen - seller_fen,
                goods_to=goods_to,
                reason="heard",
            )
        )
        self.office.do(ApproveOutcome(operator_id=DEPUTY, contract_id=number))
        self.clerk.divide(number, buyer_fen, seller_fen)

    @precondition(lambda self: self._any("concluded", "paid", "tendered", "overdue", "delivering", "uncollected"))
    @rule(pick=PICK, typhoon=RARELY)
    def annul(self, pick: int, typhoon: bool) -> None:
        found = self._box(pick, "concluded", "paid", "tendered", "overdue", "delivering", "uncollected")
        assert found is not None
        number, _ = found
        if not typhoon:
            return
        self.office.do(DeclareForceMajeure(operator_id=OPERATOR, contract_id=number, reason="typhoon"))
        self.office.do(ConfirmForceMajeure(operator_id=DEPUTY, contract_id=number))
        self.clerk.annul(number)

    @rule(hours=st.sampled_from([1, 7, 14, 24, 60, 120]))
    def wait(self, hours: int) -> None:
        until = self.office.books.time_ns + hours * HOUR
        self.office.wait_until(until)
        self.clerk.wait(until)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "office"):
            return
        office, clerk = self.office, self.clerk
        assert {who: office.cash(who) for who in (CHEN, LI)} == clerk.purse
        assert office.account("risk_fund") == clerk.fund
        assert office.account("fees") == clerk.fees
        for number, box in clerk.boxes.items():
            contract = office.contracts.get(number) or office.ended[number]
            assert contract.state == box.state, (number, contract.state, box.state)
            assert (contract.escrow_fen, contract.buyer_earnest_fen, contract.seller_earnest_fen) == (
                box.escrow,
                box.earnest[LI],
                box.earnest[CHEN],
            )
            assert (contract.contract_id in [each.contract_id for each in office.contracts.all()]) == (
                box.state in LIVE
            )


OfficeAndClerk.TestCase.settings = settings(stateful_step_count=60, suppress_health_check=list(HealthCheck))
TestOfficeAndClerk = pytest.mark.soak(OfficeAndClerk.TestCase)
