"""What comes after the weight: the buyer accepts or objects, the seller answers and invoices."""

from typing import Any, Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.contracts.arbitration import Arbitration
from settlement.contracts.endings import Endings
from settlement.contracts.money import Till, value_fen
from settlement.contracts.register import Register
from settlement.messages.contracts import (
    AcceptGoods,
    AnswerObjection,
    Contract,
    Objection,
    ObjectQuality,
    RegisterInvoice,
    WithdrawObjection,
)
from settlement.references import References


class Quality:
    """Objections with their evidence, and invoices."""

    def __init__(self, books: Books, register: Register, endings: Endings, arbitration: Arbitration) -> None:
        self._books: Final = books
        self._register: Final = register
        self._endings: Final = endings
        self._arbitration: Final = arbitration
        self.invoices: Final = References()
        """Numbers by their seller, each taken once."""

    def accept(self, command: AcceptGoods) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `already_accepted`."""
        contract = self._register.own(command, "accept", "buyer")
        if contract is None:
            return
        if contract.accepted:
            self._books.refuse(command, "already_accepted", "contract_id")
            return
        self._endings.complete_if_due(self._register.put(replace(contract, accepted=True), "accepted"))

    def object(self, command: ObjectQuality) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `objection_too_late`, `already_objected`,
        `no_evidence`, `incomplete_report`, `claim_too_high`.
        """
        contract = self._register.own(command, "object", "buyer")
        if contract is None:
            return
        refusal = self._refuse_objection(contract, command)
        if refusal is not None:
            self._books.refuse(command, *refusal)
            return
        objection = Objection(
            reason=command.reason,
            claim_fen=command.claim_fen,
            photo_digests=command.photo_digests,
            laboratory=command.laboratory,
            report_number=command.report_number,
            report_digest=command.report_digest,
            time_ns=self._books.time_ns,
        )
        changes: dict[str, Any] = {"objection": objection}
        if contract.state == "part_paid":
            changes["state"] = "objected"
        self._register.put(replace(contract, **changes), "objected")

    def _refuse_objection(self, contract: Contract, command: ObjectQuality) -> tuple[str, str] | None:
        assert contract.objection_by_ns is not None
        if contract.accepted or self._books.time_ns >= contract.objection_by_ns:
            return "objection_too_late", "contract_id"
        if contract.objection is not None:
            return "already_objected", "contract_id"
        report = (command.laboratory, command.report_number)
        if not command.photo_digests and report == (None, None):
            return "no_evidence", "photo_digests"
        if (None in report and report != (None, None)) or (report[0] is None and command.report_digest is not None):
            return "incomplete_report", "report_number"
        assert contract.weighed_g is not None
        value = value_fen(contract.price + contract.differential_fen, contract.weighed_g)
        if command.claim_fen > (value if contract.settled_fen is None else contract.settled_fen):
            return "claim_too_high", "claim_fen"
        return None

    def answer(self, command: AnswerObjection) -> None:
        """What is granted comes out of what is held of the price, then of the seller's earnest money, then of his cash.

        Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `insufficient_funds`.
        """
        contract = self._register.own(command, "answer", "seller")
        if contract is None:
            return
        objection = contract.objection
        assert objection is not None
        if not command.accepted:
            objection = replace(objection, answer=command.reason)
            contract = self._register.put(replace(contract, objection=objection), "answered")
            self._arbitration.dispute(contract, contract.seller_id, command.reason)
            return
        claim = objection.claim_fen
        till = Till(self._books, contract)
        escrow = min(claim, till.escrow_fen)
        earnest = min(claim - escrow, till.earnest_fen["seller"])
        if claim - escrow - earnest > till.free_fen("seller"):
            self._books.refuse(command, "insufficient_funds", "accepted")
            return
        till.out_of_escrow("buyer", escrow)
        till.out_of_earnest("seller", "buyer", earnest)
        till.pass_on("seller", "buyer", claim - escrow - earnest)
        contract = till.close(
            state="part_paid",
            granted_fen=claim,
            accepted=True,
            objection=replace(objection, standing="accepted", answer=command.reason),
        )
        self._endings.complete_if_due(self._register.put(contract, "answered"))

    def withdraw(self, command: WithdrawObjection) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `no_objection`."""
        contract = self._register.own(command, "withdraw", "buyer")
        if contract is None:
            return
        objection = contract.objection
        if objection is None or objection.standing != "open":
            self._books.refuse(command, "no_objection", "contract_id")
            return
        changes: dict[str, Any] = {"objection": replace(objection, standing="withdrawn")}
        if contract.state == "objected":
            changes["state"] = "part_paid"
        contract = self._register.put(replace(contract, **changes), "withdrawn")
        if contract.state == "part_paid":
            self._endings.complete_if_due(contract)

    def register_invoice(self, command: RegisterInvoice) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `already_invoiced`, `duplicate_reference`,
        `wrong_amount`.
        """
        contract = self._register.own(command, "invoice", "seller")
        if contract is None:
            return
        number = f"{contract.seller_id}:{command.invoice_number}"
        assert contract.settled_fen is not None
        if contract.invoice_number is not None:
            self._books.refuse(command, "already_invoiced", "contract_id")
        elif number in self.invoices:
            self._books.refuse(command, "duplicate_reference", "invoice_number")
        elif command.amount_fen != contract.settled_fen - contract.granted_fen:
            self._books.refuse(command, "wrong_amount", "amount_fen")
        else:
            self.invoices.take(number)
            contract = replace(
                contract,
                invoice_number=command.invoice_number,
                invoice_digest=command.invoice_digest,
                invoiced_ns=self._books.time_ns,
            )
            contract = self._register.put(contract, "invoiced")
            if contract.state == "part_paid":
                self._endings.complete_if_due(contract)
