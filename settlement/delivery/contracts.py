"""What the office of contracts is told of its deliveries, and asked."""

from typing import Protocol

from msgspec import Struct

from settlement.messages.delivery import FailureCause


class ContractDefault(Struct, frozen=True):
    """Who answers for a contract's undelivered goods, and what they cost a kilogram."""

    defaulter_id: int
    price: int


class ContractDeliveries(Protocol):
    """What the office of contracts is told of its deliveries, and asked."""

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
        """Trucks have left with `net_g` by the scale; `posted_g` of it by the books. `last`: nothing more will come."""

    def on_delivery_accepted(self, contract_id: int, delivery_id: int) -> None: ...

    def on_delivery_failed(self, contract_id: int, delivery_id: int, weight_g: int, cause: FailureCause) -> None: ...

    def on_failure_dismissed(self, contract_id: int, delivery_id: int) -> None: ...

    def default_of(self, contract_id: int) -> ContractDefault | None: ...

    def cover_of(self, contract_id: int, weight_g: int) -> tuple[int, int]:
        """(what of the escrow returns to the buyer for so much undelivered, the defaulter's earnest money), in fen."""

    def drawn(self, contract_id: int, escrow_fen: int, earnest_fen: int) -> None:
        """So much has been paid out of what the contract held."""

    def on_made_good(self, contract_id: int, delivery_id: int, weight_g: int, bought_g: int, settled_g: int) -> None:
        """`weight_g` will not be delivered any more."""
