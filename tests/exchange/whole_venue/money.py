"""The ledger as its postings tell it: every fen and gram by account, and which way each kind may move them."""

from settlement.messages import CASH, LedgerPosted

PEOPLE = "participant"
STORE = "warehouse"
MAY_OWE = ("bank", STORE)

VENUE = ("bank", "fees", "storage", "risk_fund")

CASH_WAYS: dict[str, tuple[tuple[str, str], ...]] = {
    "deposit": (("bank", PEOPLE),),
    "statement": (("bank", PEOPLE),),
    "suspense": (
        ("bank", "suspense"),
        *[("suspense", each) for each in (PEOPLE, "fees", "storage", "risk_fund")],
        *[(each, "bank") for each in (PEOPLE, "fees", "storage", "risk_fund")],
    ),
    "withdrawal": ((PEOPLE, "bank"), ("suspense", "bank")),
    "voucher": tuple((debit, credit) for debit in (*VENUE, PEOPLE) for credit in (*VENUE, PEOPLE)),
    "trade": ((PEOPLE, PEOPLE), (PEOPLE, "fees"), (PEOPLE, "storage")),
    "bust": (("fees", PEOPLE), (PEOPLE, PEOPLE)),
    "adjustment": ((PEOPLE, PEOPLE),),
    "storage": ((PEOPLE, "storage"),),
    "load_out": ((PEOPLE, "storage"),),
    "loss": (("risk_fund", PEOPLE),),
    "contract": (
        (PEOPLE, "earnest"),
        (PEOPLE, "fees"),
        (PEOPLE, "escrow"),
        (PEOPLE, PEOPLE),
        ("escrow", PEOPLE),
        ("escrow", "storage"),
        ("earnest", PEOPLE),
        ("earnest", "escrow"),
        ("earnest", "risk_fund"),
    ),
    "dispute": tuple((debit, credit) for debit in ("escrow", "earnest") for credit in (PEOPLE, "risk_fund", "storage")),
    "buy_in": (
        (PEOPLE, PEOPLE),
        *[(each, PEOPLE) for each in ("escrow", "earnest", "risk_fund")],
        *[(PEOPLE, each) for each in ("escrow", "earnest", "risk_fund")],
    ),
}
"""From which kind of account to which money goes, by the cause of the posting; other ways are nobody's."""

GOODS_WAYS: dict[str, tuple[tuple[str, str], ...]] = {
    "intake": ((STORE, PEOPLE),),
    "load_out": ((PEOPLE, STORE),),
    "void": ((PEOPLE, STORE),),
    "trade": ((PEOPLE, PEOPLE),),
    "bust": ((PEOPLE, PEOPLE),),
    "receipt_transfer": ((PEOPLE, PEOPLE),),
    "contract": ((PEOPLE, PEOPLE),),
    "delivery": ((PEOPLE, PEOPLE),),
    "shrinkage": ((PEOPLE, "shrinkage"), ("shrinkage", STORE)),
    "stock_take": ((PEOPLE, "shrinkage"), ("shrinkage", PEOPLE)),
}


class Ledger:
    """Balances by asset and account, from postings alone."""

    def __init__(self) -> None:
        self.balances: dict[tuple[str, str], int] = {}
        self.last_transfer_id = 0
        self._ids: list[int] = []

    def hear(self, posted: LedgerPosted) -> None:
        assert posted.transfers
        for transfer in posted.transfers:
            assert transfer.amount > 0, transfer
            assert transfer.debit != transfer.credit, transfer
            way = (_kind(transfer.debit), _kind(transfer.credit))
            ways = (CASH_WAYS if transfer.asset == CASH else GOODS_WAYS).get(posted.cause, ())
            assert way in ways, (posted.cause, transfer)
            self._move(transfer.asset, transfer.debit, -transfer.amount)
            self._move(transfer.asset, transfer.credit, transfer.amount)
            self._ids.append(transfer.transfer_id)
        for transfer in posted.transfers:
            for account in (transfer.debit, transfer.credit):
                balance = self.balances.get((transfer.asset, account), 0)
                assert balance >= 0 or _kind(account) in MAY_OWE, (posted, account, balance)

    def of(self, asset: str, account: str) -> int:
        return self.balances.get((asset, account), 0)

    def cash(self, participant_id: int) -> int:
        return self.of(CASH, f"participant:{participant_id}")

    def judge(self) -> None:
        """Every transfer is told, once; each asset sums to zero."""
        assert sorted(self._ids) == list(range(self.last_transfer_id + 1, self.last_transfer_id + 1 + len(self._ids)))
        self.last_transfer_id += len(self._ids)
        self._ids.clear()
        sums: dict[str, int] = {}
        for (asset, account), balance in self.balances.items():
            sums[asset] = sums.get(asset, 0) + balance
            if asset != CASH and _kind(account) == STORE:
                assert balance < 0, (asset, account)
        assert not any(sums.values()), sums

    def _move(self, asset: str, account: str, amount: int) -> None:
        key = (asset, account)
        balance = self.balances.get(key, 0) + amount
        if balance:
            self.balances[key] = balance
        else:
            del self.balances[key]


def _kind(account: str) -> str:
    return account.partition(":")[0]
