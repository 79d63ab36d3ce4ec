"""What the goods weigh, and what that makes of the price."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.contracts.endings import Endings
from settlement.contracts.goods import GoodsRoom
from settlement.contracts.money import Side, Till, value_fen
from settlement.contracts.register import Register
from settlement.contracts.terms import HOUR_NS
from settlement.messages.contracts import AgreeWeight, Contract
from settlement.receipts import GRAMS


class Weighing:
    """From the scale to the agreed quantity, and the first part of the price."""

    def __init__(self, books: Books, register: Register, goods: GoodsRoom, endings: Endings) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods
        self._endings: Final = endings

    def weighed(self, contract: Contract) -> Contract:
        """The last grams have left: the time for objections runs."""
        now_ns = self._books.time_ns
        return replace(
            contract,
            weighed_g=contract.picked_g,
            weighed_ns=now_ns,
            objection_by_ns=now_ns + contract.terms.objection_hours * HOUR_NS,
            late=None,
            late_days=0,
        )

    def all_out(self, contract: Contract) -> None:
        """Within the tolerance the weight is agreed by the contract; else the parties must."""
        expected_g = contract.quantity * GRAMS - contract.undelivered_g
        assert contract.weighed_g is not None
        off_g = abs(contract.weighed_g - expected_g)
        if off_g * 1_000 > contract.terms.tolerance_permille * expected_g:
            self._register.put(replace(contract, state="weighed"), "weighed")
        else:
            self.settle(contract, contract.weighed_g)

    def count_as_fetched(self, contract: Contract, reason: str) -> None:
        """Title has passed and with it the risk: what the late buyer has not fetched counts at its receipts' weight,
        and he can object no more.
        """
        weight_g = contract.picked_g + self._goods.weight_g(contract)
        contract = replace(
            contract,
            weighed_g=weight_g,
            weighed_ns=self._books.time_ns,
            objection_by_ns=self._books.time_ns,
            weight_reason=reason,
            accepted=True,
            delivery_ids=(),
        )
        self._endings.complete_if_due(self.settle(contract, weight_g))

    def settle(self, contract: Contract, weight_g: int) -> Contract:
        """The quantity is agreed: value by grams, the difference to what was paid, the first part to the seller.

        A shortage returns to the buyer. A surplus is charged to him: free cash first, then his earnest money; what
        neither covers is not paid here. The seller's storage comes out of his first part.
        """
        terms = contract.terms
        till = Till(self._books, contract)
        value = value_fen(contract.price + contract.differential_fen, weight_g)
        refund = max(till.escrow_fen - value, 0)
        till.out_of_escrow("buyer", refund)
        surcharge = max(value - till.escrow_fen, 0)
        cash = min(surcharge, till.free_fen("buyer"))
        till.pay_in(cash)
        earnest = min(surcharge - cash, till.earnest_fen["buyer"])
        till.spend_earnest(earnest)
        settled = till.escrow_fen
        first = settled * terms.first_part_permille // 1_000
        first -= self._endings.pay_storage(contract, till, first)
        till.out_of_escrow("seller", first)
        objected = contract.objection is not None and contract.objection.standing == "open"
        contract = till.close(
            state="objected" if objected else "part_paid",
            late=None,
            late_days=0,
            settled_g=weight_g,
            settled_fen=settled,
            refund_fen=refund,
            surcharge_fen=cash + earnest,
            uncollected_fen=value - settled,
            storage=(),
        )
        return self._register.put(contract, "quantity_agreed")

    def agree_weight(self, command: AgreeWeight) -> None:
        """Refused: `unknown_contract`, `wrong_state`, `insufficient_funds`."""
        contract = self._register.own(command, "agree_weight", None)
        if contract is None:
            return
        side: Side = "buyer" if command.participant_id == contract.buyer_id else "seller"
        till = Till(self._books, contract)
        value = value_fen(contract.price + contract.differential_fen, command.weight_g)
        if side == "buyer" and value - till.escrow_fen > till.free_fen("buyer") + till.earnest_fen["buyer"]:
            self._books.refuse(command, "insufficient_funds", "weight_g")
            return
        stated = {"buyer": contract.buyer_weight_g, "seller": contract.seller_weight_g}
        stated[side] = command.weight_g
        contract = replace(contract, buyer_weight_g=stated["buyer"], seller_weight_g=stated["seller"])
        contract = self._register.put(contract, "weight_stated")
        if stated["buyer"] == stated["seller"]:
            self.settle(contract, command.weight_g)
