"""Vouchers: linked transfers by hand, which one operator proposes and another approves.

Nothing is set aside for a proposal: whether the accounts have the money is looked at when it is approved. Earnest
money, escrow and suspense belong to others and are moved by what they belong to alone.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from settlement.books import Books
from settlement.cashier import Cashier
from settlement.digest import Digest
from settlement.ledger import BANK, FEES, Post
from settlement.messages import CASH
from settlement.messages.treasury import (
    MAXIMUM_ENTRIES,
    ApproveVoucher,
    ProposeVoucher,
    RejectVoucher,
    Voucher,
    VoucherChanged,
)
from settlement.references import References

INCOME_ACCOUNTS: Final = (FEES, "storage", "risk_fund")
"""The venue's own money, free for operators to post to and from."""

MAXIMUM_PROPOSED: Final = 1_000


class VouchersState(Struct, frozen=True, array_like=True):
    last_voucher_id: int
    references: list[str]
    proposed: list[Voucher]


class Vouchers:
    """Those that wait for an approval; what is decided is not kept."""

    def __init__(self, books: Books, cashier: Cashier) -> None:
        self._books: Final = books
        self._cashier: Final = cashier
        self._last_voucher_id = 0
        self._references = References()
        self._proposed: dict[int, Voucher] = {}
        self._digest: Digest[int] = Digest()

    def propose(self, command: ProposeVoucher) -> None:
        books = self._books
        if not books.may(command, "operator_id", ("operator",)):
            return
        refusal = self._refuse(command)
        if refusal is not None:
            books.refuse(command, *refusal)
            return
        self._references.take(command.reference)
        self._last_voucher_id += 1
        self._change(
            Voucher(
                voucher_id=self._last_voucher_id,
                reference=command.reference,
                reason=command.reason,
                entries=command.entries,
                state="proposed",
                proposed_by=command.operator_id,
            )
        )

    def approve(self, command: ApproveVoucher) -> None:
        voucher = self._find(command)
        if voucher is None:
            return
        if voucher.proposed_by == command.operator_id:
            self._books.refuse(command, "same_operator", "operator_id")
            return
        created = self._cashier.create(
            [
                Post(f"voucher:{voucher.voucher_id}:{number}", CASH, entry.debit, entry.credit, entry.amount_fen)
                for number, entry in enumerate(voucher.entries, 1)
            ]
        )
        if created.refusal is not None:
            self._books.refuse(command, created.refusal, "voucher_id")
            return
        self._change(replace(voucher, state="posted", decided_by=command.operator_id))
        self._cashier.tell("voucher", voucher.voucher_id, created)

    def reject(self, command: RejectVoucher) -> None:
        voucher = self._find(command)
        if voucher is not None:
            self._change(replace(voucher, state="rejected", decided_by=command.operator_id, rejection=command.reason))

    # State

    def state(self) -> VouchersState:
        return VouchersState(self._last_voucher_id, self._references.state(), list(self._proposed.values()))

    def restore(self, state: VouchersState) -> None:
        self._last_voucher_id = state.last_voucher_id
        self._references.restore(state.references)
        for voucher in state.proposed:
            self._proposed[voucher.voucher_id] = voucher
            self._digest.changed[voucher.voucher_id] = None

    def digest(self) -> tuple[int, tuple[int, bytes], bytes]:
        proposed = self._digest.bring_up_to_date(self._proposed.get)
        return self._last_voucher_id, self._references.digest(), proposed

    def audit(self) -> None:
        assert list(self._proposed) == sorted(self._proposed)
        assert all(voucher.state == "proposed" for voucher in self._proposed.values())
        assert len(self._proposed) <= MAXIMUM_PROPOSED

    # Deciding

    def _refuse(self, command: ProposeVoucher) -> tuple[str, str | None] | None:
        if command.reference in self._references:
            return "duplicate_reference", "reference"
        if not 1 <= len(command.entries) <= MAXIMUM_ENTRIES:
            return "invalid_entries", "entries"
        for entry in command.entries:
            for account in (entry.debit, entry.credit):
                if not self._may_post_to(account):
                    return "unknown_account", "entries"
            if entry.debit == entry.credit:
                return "same_account", "entries"
        return ("too_many_vouchers", None) if len(self._proposed) >= MAXIMUM_PROPOSED else None

    def _may_post_to(self, account: str) -> bool:
        return account == BANK or account in INCOME_ACCOUNTS or self._cashier.is_participants(account)

    def _find(self, command: ApproveVoucher | RejectVoucher) -> Voucher | None:
        """The voucher that waits; none where the command is refused: `unknown_voucher`, `already_ended`."""
        if not self._books.may(command, "operator_id", ("operator",)):
            return None
        voucher = self._proposed.get(command.voucher_id)
        if voucher is None:
            known = command.voucher_id <= self._last_voucher_id
            self._books.refuse(command, "already_ended" if known else "unknown_voucher", "voucher_id")
        return voucher

    def _change(self, voucher: Voucher) -> None:
        self._digest.changed[voucher.voucher_id] = None
        if voucher.state == "proposed":
            self._proposed[voucher.voucher_id] = voucher
        else:
            del self._proposed[voucher.voucher_id]
        self._books.events.append(VoucherChanged(voucher=voucher))
