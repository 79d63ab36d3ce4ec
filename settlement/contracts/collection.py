"""What the delivery office tells of a contract's goods: that they have left, or cannot be had (`ContractDeliveries`).

What it tells of contracts that have ended, or of deliveries that are not the contract's any more, is passed over.
"""

from typing import Any, Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import day_start_ns, venue_day
from settlement.contracts.endings import Endings
from settlement.contracts.money import Till, value_fen
from settlement.contracts.register import Register
from settlement.contracts.weighing import Weighing
from settlement.delivery import ContractDefault
from settlement.messages.contracts import Contract
from settlement.receipts import GRAMS


class Collection:
    """The goods are being fetched."""

    def __init__(self, books: Books, register: Register, weighing: Weighing, endings: Endings) -> None:
        self._books: Final = books
        self._register: Final = register
        self._weighing: Final = weighing
        self._endings: Final = endings

    def on_weighed_out(
        self,
        contract_id: int,
        delivery_id: int,
        net_g: int,
        posted_g: int,
        last: bool,
        wasted_g: int,
        reason: str | None,
    ) -> None:
        """Goods have left by the scale; `last`: this delivery order is closed."""
        contract = self._register.get(contract_id)
        if contract is None or delivery_id not in contract.delivery_ids:
            return
        self._register.check(contract, "weighed_out")
        left = tuple(each for each in contract.delivery_ids if not last or each != delivery_id)
        contract = replace(
            contract,
            picked_g=contract.picked_g + net_g,
            delivery_ids=left,
            weight_reason=contract.weight_reason if reason is None else reason,
        )
        contract = self._register.put(contract if left else self._weighing.weighed(contract), "picked_up")
        if not left and contract.state != "disputed":
            self._weighing.all_out(contract)

    def on_delivery_accepted(self, contract_id: int, delivery_id: int) -> None:
        """The buyer has the goods. What he may still hold against their quality has a term of its own."""

    def on_delivery_failed(self, contract_id: int, delivery_id: int, weight_g: int, cause: str) -> None:
        """What was left of a delivery order is not to be had. A buyer who is late in fetching bears it himself."""
        contract = self._register.get(contract_id)
        if contract is None or delivery_id not in contract.delivery_ids:
            return
        self._register.check(contract, "delivery_fails")
        if contract.state == "uncollected":
            self._weighing.count_as_fetched(contract, cause)
            return
        changes: dict[str, Any] = {"failed_ids": (*contract.failed_ids, delivery_id)}
        if contract.state != "disputed":
            changes["state"] = "failed"
        self._register.put(replace(contract, **changes), "failed")

    def on_failure_dismissed(self, contract_id: int, delivery_id: int) -> None:
        contract = self._register.get(contract_id)
        if contract is None or delivery_id not in contract.failed_ids:
            return
        self._register.check(contract, "failure_dismissed")
        self._register.put(self._recovered(contract, delivery_id), "failure_dismissed")

    def default_of(self, contract_id: int) -> ContractDefault | None:
        """Who pays for the buy-in of a failed delivery: the seller, but for a buyer who was late in fetching. None of a
        contract that has ended: the operators have decided it.
        """
        contract = self._register.get(contract_id)
        if contract is None:
            return None
        who = contract.seller_id if contract.failed_ids else contract.buyer_id
        return ContractDefault(who, contract.price + contract.differential_fen)

    def cover_of(self, contract_id: int, weight_g: int) -> tuple[int, int]:
        """(price held for so many grams that the buyer will not get, the seller's earnest money held)."""
        contract = self._register.get(contract_id)
        if contract is None:
            return 0, 0
        price = contract.price + contract.differential_fen
        return min(contract.escrow_fen, value_fen(price, weight_g)), contract.seller_earnest_fen

    def drawn(self, contract_id: int, escrow_fen: int, earnest_fen: int) -> None:
        """A buy-in has posted so much out of what the contract holds."""
        contract = self._register.get(contract_id)
        if contract is None or not escrow_fen + earnest_fen:
            return
        self._register.check(contract, "made_good")
        till = Till(self._books, contract)
        till.drawn(escrow_fen, earnest_fen)
        contract = till.close(earnest_drawn_fen=contract.earnest_drawn_fen + earnest_fen)
        self._register.put(contract, "drawn")

    def on_made_good(self, contract_id: int, delivery_id: int, weight_g: int, bought_g: int, settled_g: int) -> None:
        """The buy-in is over: so much will not be delivered. The earnest money of that part, as far as the buy-in has
        left it, is the buyer's.
        """
        contract = self._register.get(contract_id)
        if contract is None or delivery_id not in contract.failed_ids:
            return
        self._register.check(contract, "made_good")
        contract = self._recovered(contract, delivery_id)
        undelivered_g = contract.undelivered_g + weight_g
        total_g = contract.quantity * GRAMS
        share = -(-contract.seller_earnest_paid_fen * min(undelivered_g, total_g) // total_g)
        till = Till(self._books, contract)
        forfeit = min(max(share - contract.earnest_drawn_fen, 0), till.earnest_fen["seller"])
        till.out_of_earnest("seller", "buyer", forfeit)
        contract = till.close(
            undelivered_g=undelivered_g,
            earnest_drawn_fen=contract.earnest_drawn_fen + forfeit,
            delivery_ids=tuple(each for each in contract.delivery_ids if each != delivery_id),
        )
        over = not contract.delivery_ids
        contract = self._register.put(
            self._weighing.weighed(contract) if over and contract.picked_g else contract, "made_good"
        )
        if not over or contract.state == "disputed":
            return
        if contract.picked_g:
            self._weighing.all_out(contract)
        else:
            self._endings.end_in_default(contract, "seller", "delivery_failed")

    def _recovered(self, contract: Contract, delivery_id: int) -> Contract:
        """One failure less; with the last the delivery goes on, with a day at least to fetch the goods."""
        left = tuple(each for each in contract.failed_ids if each != delivery_id)
        changes: dict[str, Any] = {"failed_ids": left}
        if not left and contract.state == "failed":
            changes["state"] = "delivering"
            changes["pickup_by_ns"] = max(contract.pickup_by_ns, day_start_ns(venue_day(self._books.time_ns) + 2))
        return replace(contract, **changes)
