"""What time brings: terms end, late days are charged, and what has lasted too long is over."""

from typing import Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import DAY_NS
from settlement.contracts.arbitration import Arbitration
from settlement.contracts.endings import Endings
from settlement.contracts.goods import GoodsRoom
from settlement.contracts.money import OTHER, Till
from settlement.contracts.performance import Performance
from settlement.contracts.register import Register
from settlement.contracts.weighing import Weighing
from settlement.messages.contracts import Contract, Party


class Lateness:
    """A contract that is due goes on by itself."""

    def __init__(
        self,
        books: Books,
        register: Register,
        goods: GoodsRoom,
        performance: Performance,
        weighing: Weighing,
        endings: Endings,
        arbitration: Arbitration,
    ) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods
        self._performance: Final = performance
        self._weighing: Final = weighing
        self._endings: Final = endings
        self._arbitration: Final = arbitration

    def fall_due(self, contract: Contract) -> None:
        now_ns = self._books.time_ns
        match contract.state:
            case "concluded" | "paid" | "tendered":
                self._end_first_term(contract)
            case "overdue":
                self._go_on_late(contract, contract.pay_by_ns)
            case "delivering":
                self._register.put(self._fall_late(replace(contract, state="uncollected"), "buyer"), "overdue")
            case "uncollected":
                self._go_on_late(contract, contract.pickup_by_ns)
            case "weighed":
                self._arbitration.dispute(contract, 0, "weight_not_agreed")
            case "part_paid":
                self._endings.complete_if_due(contract)
            case "objected":
                self._arbitration.dispute(contract, 0, "objection_not_answered")
            case _:
                raise AssertionError(contract.state)
        after = self._register.get(contract.contract_id)
        assert after is None or after.due_ns is None or after.due_ns > now_ns

    def _end_first_term(self, contract: Contract) -> None:
        """The term for paying and tendering is over, or the goods have spoiled before."""
        if self._spoiled(contract):
            self._endings.terminate(contract)
            return
        assert self._books.time_ns >= contract.pay_by_ns
        contract = self._performance.withdraw_tender(contract)
        if not contract.tendered and contract.terms.automatic_tender and self._goods.at_hand(contract):
            contract = replace(contract, tendered=True)
            if contract.paid:
                self._performance.pass_title(self._register.put(contract, "tendered"))
                return
        late: Party = "buyer" if contract.tendered else "seller" if contract.paid else "both"
        self._register.put(self._fall_late(replace(contract, state="overdue"), late), "overdue")

    def _fall_late(self, contract: Contract, late: Party) -> Contract:
        """The first late day begins, and is charged."""
        return self._charge_late(replace(contract, late=late, late_days=0))

    def _go_on_late(self, contract: Contract, since_ns: int) -> None:
        """Another late day begins; or there were enough of them, or the goods are no more."""
        spoiled = self._spoiled(contract)
        assert spoiled or self._books.time_ns >= since_ns + contract.late_days * DAY_NS
        if not spoiled and contract.late_days < contract.terms.termination_days:
            self._register.put(self._charge_late(contract), "charged")
        elif contract.state == "uncollected":
            self._weighing.count_as_fetched(contract, "not_collected")
        else:
            assert contract.late is not None
            self._endings.end_in_default(contract, contract.late, "goods_expired" if spoiled else "too_late")

    def _spoiled(self, contract: Contract) -> bool:
        expires_ns = self._goods.expires_ns(contract)
        return expires_ns is None or expires_ns <= self._books.time_ns

    def _charge_late(self, contract: Contract) -> Contract:
        """A begun day costs the late side a share of the value, which the other gets: out of his earnest money, then
        his free cash; what neither has is not owed here. Where both are late neither pays.
        """
        contract = replace(contract, late_days=contract.late_days + 1)
        late = contract.late
        if late is None or late == "both":
            return contract
        amount = contract.value_fen * contract.terms.late_permille // 1_000
        till = Till(self._books, contract)
        earnest = min(amount, till.earnest_fen[late])
        cash = min(amount - earnest, till.free_fen(late))
        till.out_of_earnest(late, OTHER[late], earnest)
        till.pass_on(late, OTHER[late], cash)
        paid = earnest + cash
        return till.close(
            buyer_late_fen=contract.buyer_late_fen + (paid if late == "buyer" else 0),
            seller_late_fen=contract.seller_late_fen + (paid if late == "seller" else 0),
        )
