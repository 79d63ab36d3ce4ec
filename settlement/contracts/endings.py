"""How contracts end: completed, spoiled without fault, or by default; and who gets what is left."""

from typing import Final

from settlement.books import Books
from settlement.contracts.goods import GoodsRoom
from settlement.contracts.money import OTHER, RISK_FUND, Till
from settlement.contracts.register import Register
from settlement.messages.contracts import Contract, Party
from settlement.messages.storage import StoragePaid
from settlement.storage import STORAGE


class Endings:
    """A step may end in one of these."""

    def __init__(self, books: Books, register: Register, goods: GoodsRoom) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods

    def complete_if_due(self, contract: Contract) -> None:
        """The rest of the price is the seller's once the time for objections is over and he has invoiced, or the last
        day has passed without an invoice.
        """
        now_ns = self._books.time_ns
        assert contract.objection_by_ns is not None
        closed = contract.accepted or now_ns >= contract.objection_by_ns
        if not closed or (contract.invoice_number is None and now_ns < contract.final_by_ns):
            return
        till = Till(self._books, contract)
        till.out_of_escrow("seller", till.escrow_fen)
        till.give_back()
        self._register.end(till.close(state="completed", ended_ns=now_ns), "completed")

    def terminate(self, contract: Contract) -> None:
        """The goods have spoiled before title could pass, and nobody was late: all returns to who gave it."""
        till = Till(self._books, contract)
        till.out_of_escrow("buyer", till.escrow_fen)
        till.give_back()
        contract = till.close(state="terminated", reason="goods_expired", ended_ns=self._books.time_ns)
        self.let_go(contract, contract.seller_id)
        self._register.end(contract, "terminated")

    def end_in_default(self, contract: Contract, late: Party, reason: str) -> None:
        """The price returns to the buyer. Who is in default loses his earnest money to the other; where both are, half
        of each goes to the risk fund, rounded down, and the rest returns.
        """
        till = Till(self._books, contract)
        till.out_of_escrow("buyer", till.escrow_fen)
        if late == "both":
            for whose in ("buyer", "seller"):
                till.out_of_earnest(whose, RISK_FUND, till.earnest_fen[whose] // 2)
        else:
            till.out_of_earnest(late, OTHER[late], till.earnest_fen[late])
        till.give_back()
        contract = till.close(state="defaulted", late=late, reason=reason, ended_ns=self._books.time_ns)
        if contract.title_ns is None:
            self.let_go(contract, contract.seller_id)
        self._register.end(contract, "defaulted")

    def let_go(self, contract: Contract, to: int) -> None:
        """What still lies in warehouses goes to a party. Who has title already fetches it as before."""
        if contract.title_ns is None:
            transfers = self._goods.hand_out(contract, to)
        else:
            if to != contract.buyer_id:
                for receipt in self._goods.receipts(contract):
                    self._register.deliveries.withdraw(receipt.receipt_id)
            transfers = self._goods.give(contract, to)
        self._books.post("contract", contract.contract_id, transfers)

    def pay_storage(self, contract: Contract, till: Till, most_fen: int) -> int:
        """What the goods had cost the seller in the store, out of so much of the price; what that was."""
        paid = 0
        for due in contract.storage:
            amount = min(due.due_fen, most_fen - paid)
            till.out_of_escrow(STORAGE, amount)
            paid += amount
            self._books.events.append(
                StoragePaid(
                    "contract",
                    contract.contract_id,
                    contract.seller_id,
                    due.receipt_id,
                    due.lot_id,
                    due.warehouse,
                    due.weight_g,
                    due.from_day,
                    due.to_day,
                    due.due_fen,
                    amount,
                )
            )
        return paid
