"""The double-entry ledger: every amount leaves one account and reaches another, so each asset sums to zero for ever.

asset CNY (fen)                 asset LOT-7 (grams of lot 7)
  bank            -100 000        warehouse:SX1   -9 000 000
  participant:3    +99 875        participant:2   +8 700 000
  fees                +125        participant:3     +300 000
"""

from collections.abc import Iterable
from typing import Final

from settlement.messages import CASH, Transfer

BANK: Final = "bank"
"""Custody: the other side of every deposit, negative by what the bank holds."""

FEES: Final = "fees"
"""The venue's income."""


def participant_account(participant_id: int) -> str:
    return f"participant:{participant_id}"


def warehouse_account(code: str) -> str:
    """The other side of stock: negative by the grams that lie there."""
    return f"warehouse:{code}"


def lot_asset(lot_id: int) -> str:
    return f"LOT-{lot_id}"


class Ledger:
    """Balances by asset and account; an account that is empty is not kept, nor is an asset that has left the venue.

    Amounts are checked by those who post: what an account may not owe is decided before the transfer is made.
    """

    def __init__(self) -> None:
        self.last_transfer_id = 0
        self.balances: dict[str, dict[str, int]] = {CASH: {}}

    def transfer(self, asset: str, debit: str, credit: str, amount: int) -> Transfer:
        """Post one transfer and return it; ids count 1, 2, 3 … O(1)."""
        assert amount > 0
        assert debit != credit
        accounts = self.balances.get(asset)
        if accounts is None:
            accounts = self.balances[asset] = {}
        left = accounts.get(debit, 0) - amount
        if left:
            accounts[debit] = left
        else:
            del accounts[debit]
        reached = accounts.get(credit, 0) + amount
        if reached:
            accounts[credit] = reached
        else:
            del accounts[credit]
            if not accounts and asset != CASH:
                del self.balances[asset]
        self.last_transfer_id = transfer_id = self.last_transfer_id + 1
        return Transfer(transfer_id=transfer_id, asset=asset, debit=debit, credit=credit, amount=amount)

    def balance(self, asset: str, account: str) -> int:
        return self.balances.get(asset, {}).get(account, 0)

    def state(self) -> list[tuple[str, str, int]]:
        """(asset, account, balance) of all that is not empty, sorted. O(accounts log accounts)."""
        return [
            (asset, account, accounts[account])
            for asset, accounts in sorted(self.balances.items())
            for account in sorted(accounts)
        ]

    def restore(self, last_transfer_id: int, balances: Iterable[tuple[str, str, int]]) -> None:
        self.last_transfer_id = last_transfer_id
        for asset, account, balance in balances:
            self.balances.setdefault(asset, {})[account] = balance

    def audit(self) -> None:
        """Assert that every asset sums to zero and that only the venue's own accounts owe. O(accounts)."""
        for asset, accounts in self.balances.items():
            assert sum(accounts.values()) == 0, asset
            for account, balance in accounts.items():
                assert balance != 0, (asset, account)
                owing = account == BANK if asset == CASH else account.startswith("warehouse:")
                assert (balance < 0) == owing, (asset, account, balance)
