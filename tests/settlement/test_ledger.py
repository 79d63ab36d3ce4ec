"""The double-entry ledger: each asset sums to zero, whatever is posted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.ledger import BANK, FEES, Ledger, lot_asset, participant_account, warehouse_account
from settlement.messages import CASH, Transfer

LI, WANG = participant_account(4), participant_account(5)


def test_a_deposit_and_a_fee() -> None:
    ledger = Ledger()
    assert ledger.transfer(CASH, BANK, LI, 1_000) == Transfer(1, CASH, BANK, LI, 1_000)
    assert ledger.transfer(CASH, LI, FEES, 5).transfer_id == 2
    assert ledger.state() == [(CASH, BANK, -1_000), (CASH, FEES, 5), (CASH, LI, 995)]
    assert ledger.balance(CASH, WANG) == 0
    ledger.audit()


def test_goods_that_leave_the_warehouse_leave_no_trace() -> None:
    ledger = Ledger()
    asset, store = lot_asset(7), warehouse_account("SX1")
    ledger.transfer(asset, store, LI, 500)
    ledger.transfer(asset, LI, WANG, 200)
    ledger.transfer(asset, WANG, store, 200)
    assert ledger.balance(asset, store) == -300
    ledger.transfer(asset, LI, store, 300)
    assert ledger.state() == []
    assert asset not in ledger.balances
    ledger.audit()


@given(
    st.lists(st.tuples(st.sampled_from([BANK, LI, WANG, FEES]), st.sampled_from([LI, WANG, FEES]), st.integers(1, 9)))
)
def test_whatever_is_posted_sums_to_zero_and_survives_a_restart(posted: list[tuple[str, str, int]]) -> None:
    ledger = Ledger()
    for debit, credit, amount in posted:
        if debit != credit:
            ledger.transfer(CASH, debit, credit, amount)
    assert sum(balance for _, _, balance in ledger.state()) == 0
    assert all(balance for _, _, balance in ledger.state())
    restored = Ledger()
    restored.restore(ledger.last_transfer_id, ledger.state())
    assert restored.state() == ledger.state()
    assert restored.transfer(CASH, BANK, LI, 1).transfer_id == ledger.last_transfer_id + 1


def test_the_audit_finds_one_who_owes() -> None:
    ledger = Ledger()
    ledger.transfer(CASH, LI, WANG, 1)
    with pytest.raises(AssertionError):
        ledger.audit()
