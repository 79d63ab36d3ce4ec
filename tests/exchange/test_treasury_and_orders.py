"""Withdrawals beside orders: what leaves cannot be spent, nor what is spent leave; a replay comes to the same."""

from typing import Any

from exchange.engine import Engine
from settlement.messages import RequestRefused
from settlement.messages.treasury import (
    DAY_NS,
    ApproveVoucher,
    ApproveWithdrawal,
    ImportStatement,
    ProposeVoucher,
    RequestWithdrawal,
    StatementLine,
    VoucherEntry,
    Withdrawal,
    WithdrawalChanged,
)
from tests.exchange.floor import CHEN, LI, OPERATOR, Floor


def ask(floor: Floor, participant_id: int, amount_fen: int, reference: str = "w-1") -> Any:
    """The withdrawal, or why there is none."""
    floor.do(
        RequestWithdrawal(
            participant_id=participant_id,
            client_reference=reference,
            amount_fen=amount_fen,
            payee_name="李明",
            payee_bank="农行遂溪支行",
            payee_account="6228480",
        )
    )
    refusals = floor.all(RequestRefused)
    return refusals[0].reason if refusals else floor.only(WithdrawalChanged).withdrawal


def hand_to_the_bank(floor: Floor, withdrawal: Withdrawal) -> None:
    floor.register("second", "operator")
    for operator_id in (OPERATOR, len(floor.engine.participants())):
        floor.do(ApproveWithdrawal(operator_id=operator_id, withdrawal_id=withdrawal.withdrawal_id))


def test_what_an_order_holds_cannot_leave_nor_what_leaves_be_spent() -> None:
    floor = Floor()
    floor.receipt()
    floor.deposit(LI, 100_000)
    order = floor.buy(LI, 100, 500)
    assert floor.money(LI) == (100_000, 50_025)
    assert ask(floor, LI, 49_976) == "insufficient_funds"
    withdrawal = ask(floor, LI, 49_975)
    assert floor.money(LI) == (100_000, 100_000)
    assert floor.buy(LI, 1, 1).reason == "insufficient_funds"
    floor.cancel(order)
    assert floor.money(LI) == (100_000, 49_975)
    assert floor.sell(CHEN, 50, 500).status == "resting"
    assert floor.buy(LI, 50, 500).status == "filled"
    hand_to_the_bank(floor, withdrawal)
    shown = (
        StatementLine(bank_reference="bank-8", amount_fen=100_000),
        StatementLine(bank_reference="b-2", amount_fen=-49_975, memo=withdrawal.number),
    )
    floor.do(ImportStatement(operator_id=OPERATOR, date="2026-11-23", opening_fen=0, closing_fen=50_025, lines=shown))
    assert floor.only(WithdrawalChanged).withdrawal.state == "paid"
    assert floor.money(LI) == (100_000 - 25_013 - 49_975, 0)


def test_a_trade_stands_whose_fees_the_venue_has_spent() -> None:
    floor = Floor()
    floor.receipt()
    floor.deposit(LI, 100_000)
    floor.register("second", "operator")
    floor.sell(CHEN, 100, 500)
    floor.buy(LI, 100, 500)
    spent = (VoucherEntry(debit="fees", credit="risk_fund", amount_fen=1),)
    floor.do(ProposeVoucher(operator_id=OPERATOR, reference="v-1", reason="r", entries=spent))
    floor.do(ApproveVoucher(operator_id=6, voucher_id=1))
    floor.bust(1)
    assert floor.refusal() == ("funds_moved", "trade_id")
    back = (VoucherEntry(debit="risk_fund", credit="fees", amount_fen=1),)
    floor.do(ProposeVoucher(operator_id=OPERATOR, reference="v-2", reason="r", entries=back))
    floor.do(ApproveVoucher(operator_id=6, voucher_id=2))
    floor.bust(1)
    assert floor.money(LI) == (100_000, 0)


def test_a_request_expires_when_its_time_comes() -> None:
    floor = Floor()
    floor.deposit(LI, 100_000)
    ask(floor, LI, 70_000)
    assert floor.engine.next_deadline_ns() == floor.time_ns + 5 * DAY_NS
    floor.wait_until(floor.time_ns + 5 * DAY_NS)
    assert floor.only(WithdrawalChanged).withdrawal.state == "expired"
    assert floor.money(LI) == (100_000, 0)


def test_a_replay_and_a_restart_come_to_the_same() -> None:
    floor = Floor()
    floor.deposit(LI, 100_000)
    withdrawal = ask(floor, LI, 70_000)
    hand_to_the_bank(floor, withdrawal)
    ask(floor, LI, 30_000, "w-2")
    again = Engine()
    for sequence, (command, time_ns) in enumerate(floor.commands, 1):
        again.execute(command, sequence, time_ns)
    restored = Engine.restore(floor.engine.snapshot())
    for engine in (again, restored):
        assert engine.state_hash() == floor.engine.state_hash()
        assert engine.snapshot() == floor.engine.snapshot()
        engine.audit()
