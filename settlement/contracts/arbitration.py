"""What the venue decides: disputes, and force majeure. It takes two operators, one who proposes and one who agrees."""

from typing import Any, Final, Literal

from msgspec.structs import replace

from settlement.books import Books
from settlement.contracts.endings import Endings
from settlement.contracts.money import RISK_FUND, Side, Till, held_fen
from settlement.contracts.register import Register
from settlement.messages.contracts import (
    ApproveOutcome,
    ConfirmForceMajeure,
    Contract,
    DeclareForceMajeure,
    OpenDispute,
    Proposal,
    ProposeOutcome,
)


class Arbitration:
    """While a dispute is open no term runs."""

    def __init__(self, books: Books, register: Register, endings: Endings) -> None:
        self._books: Final = books
        self._register: Final = register
        self._endings: Final = endings

    def open_dispute(self, command: OpenDispute) -> None:
        """Refused: `unknown_contract`, `wrong_state`."""
        contract = self._register.own(command, "dispute", None)
        if contract is not None:
            self.dispute(contract, command.participant_id, command.reason)

    def dispute(self, contract: Contract, opened_by: int, reason: str) -> None:
        self._register.put(
            replace(
                contract,
                state="disputed",
                dispute_opened_by=opened_by,
                dispute_reason=reason,
                disputed_ns=self._books.time_ns,
                proposal=None,
            ),
            "disputed",
        )

    def propose_outcome(self, command: ProposeOutcome) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_contract`, `wrong_state`, `amounts_do_not_add_up`."""
        contract = self._register.operated(command, "outcome")
        if contract is None:
            return
        if command.buyer_fen + command.seller_fen + command.risk_fund_fen != held_fen(contract):
            self._books.refuse(command, "amounts_do_not_add_up", "buyer_fen")
            return
        self._propose(
            contract,
            "outcome",
            command.operator_id,
            command.reason,
            command.buyer_fen,
            command.seller_fen,
            command.risk_fund_fen,
            command.goods_to,
        )

    def declare_force_majeure(self, command: DeclareForceMajeure) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_contract`, `wrong_state`, `already_delivered`."""
        contract = self._register.operated(command, "force_majeure")
        if contract is None:
            return
        if contract.picked_g:
            self._books.refuse(command, "already_delivered", "contract_id")
            return
        buyer_fen = contract.escrow_fen + contract.buyer_earnest_fen
        seller_fen = contract.seller_earnest_fen
        self._propose(
            contract, "force_majeure", command.operator_id, command.reason, buyer_fen, seller_fen, 0, "seller"
        )

    def _propose(
        self,
        contract: Contract,
        kind: Literal["outcome", "force_majeure"],
        operator_id: int,
        reason: str,
        buyer_fen: int,
        seller_fen: int,
        risk_fund_fen: int,
        goods_to: Side,
    ) -> None:
        proposal = Proposal(
            kind=kind,
            operator_id=operator_id,
            reason=reason,
            buyer_fen=buyer_fen,
            seller_fen=seller_fen,
            risk_fund_fen=risk_fund_fen,
            goods_to=goods_to,
            time_ns=self._books.time_ns,
        )
        self._register.put(replace(contract, proposal=proposal), "proposed")

    def approve_outcome(self, command: ApproveOutcome) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_contract`, `wrong_state`, `no_proposal`,
        `same_operator`, `amounts_do_not_add_up`.
        """
        found = self._proposed(command, "outcome")
        if found is None:
            return
        contract, proposal = found
        if proposal.buyer_fen + proposal.seller_fen + proposal.risk_fund_fen != held_fen(contract):
            self._books.refuse(command, "amounts_do_not_add_up", "contract_id")
            return
        till = Till(self._books, contract)
        left = {"buyer": proposal.buyer_fen, "seller": proposal.seller_fen, RISK_FUND: proposal.risk_fund_fen}
        self._endings.pay_storage(contract, till, min(proposal.seller_fen, till.escrow_fen))
        left["seller"] -= contract.escrow_fen - till.escrow_fen
        for to, amount in left.items():
            escrow = min(amount, till.escrow_fen)
            till.out_of_escrow(to, escrow)
            rest = amount - escrow
            for whose in ("buyer", "seller"):
                earnest = min(rest, till.earnest_fen[whose])
                till.out_of_earnest(whose, to, earnest)
                rest -= earnest
            assert rest == 0
        contract = till.close(
            "dispute",
            state="resolved",
            approved_by=command.operator_id,
            reason=proposal.reason,
            ended_ns=self._books.time_ns,
        )
        self._endings.let_go(contract, contract.buyer_id if proposal.goods_to == "buyer" else contract.seller_id)
        self._register.end(contract, "resolved")

    def confirm_force_majeure(self, command: ConfirmForceMajeure) -> None:
        """Refused: `unknown_participant`, `wrong_role`, `unknown_contract`, `wrong_state`, `no_proposal`,
        `same_operator`, `already_delivered`.
        """
        found = self._proposed(command, "force_majeure")
        if found is None:
            return
        contract, proposal = found
        if contract.picked_g:
            self._books.refuse(command, "already_delivered", "contract_id")
            return
        till = Till(self._books, contract)
        till.out_of_escrow("buyer", till.escrow_fen)
        till.give_back()
        contract = till.close(
            state="annulled",
            approved_by=command.operator_id,
            reason=proposal.reason,
            ended_ns=self._books.time_ns,
        )
        self._endings.let_go(contract, contract.seller_id)
        self._register.end(contract, "annulled")

    def _proposed(self, command: Any, kind: Literal["outcome", "force_majeure"]) -> tuple[Contract, Proposal] | None:
        """The proposal that a second operator agrees to, else `no_proposal`, `same_operator`."""
        contract = self._register.operated(command, kind)
        if contract is None:
            return None
        proposal = contract.proposal
        if proposal is None or proposal.kind != kind:
            self._books.refuse(command, "no_proposal", "contract_id")
            return None
        if proposal.operator_id == command.operator_id:
            self._books.refuse(command, "same_operator", "operator_id")
            return None
        return contract, proposal
