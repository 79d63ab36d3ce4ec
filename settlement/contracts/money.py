"""A contract's money: what comes in, what is held, what goes out; every step is one set of linked transfers.

    buyer's purse ──► earnest (buyer's part) ─┐
    seller's purse ─► earnest (seller's part)─┼──► buyer's purse, seller's purse, risk fund, storage
    buyer's purse ──► escrow ─────────────────┘

All money of all contracts lies in the venue's accounts `earnest` and `escrow`. A contract knows its own part of them:
what came in for it less what went out of it, at any time.
"""

from typing import Any, Final, Literal

from msgspec.structs import replace

from settlement.books import Books
from settlement.clearing import Purse
from settlement.messages import Transfer
from settlement.messages.contracts import Contract
from settlement.messages.ledger import PostingCause

EARNEST: Final = "earnest"
ESCROW: Final = "escrow"
RISK_FUND: Final = "risk_fund"

Side = Literal["buyer", "seller"]
OTHER: Final[dict[Side, Side]] = {"buyer": "seller", "seller": "buyer"}


class Till:
    """One step's moves of a contract's money. Nothing is moved for nothing; `close` tells all of it, and the contract
    with what it holds then.
    """

    def __init__(self, books: Books, contract: Contract) -> None:
        self._books: Final = books
        self._contract: Final = contract
        self._transfers: list[Transfer] = []
        self.escrow_fen = contract.escrow_fen
        self.earnest_fen: Final[dict[Side, int]] = {
            "buyer": contract.buyer_earnest_fen,
            "seller": contract.seller_earnest_fen,
        }
        self._paid_in_fen = contract.paid_in_fen
        self._paid_out_fen = contract.paid_out_fen
        self.purses: Final[dict[Side, Purse]] = {
            "buyer": books.purses[contract.buyer_id],
            "seller": books.purses[contract.seller_id],
        }

    def free_fen(self, side: Side) -> int:
        """What a party could pay now."""
        purse = self.purses[side]
        return purse.total_fen - purse.reserved_fen

    def put_up(self, side: Side, amount_fen: int) -> None:
        """A party's earnest money comes in."""
        self._move(self.purses[side], EARNEST, amount_fen)
        self.earnest_fen[side] += amount_fen
        self._paid_in_fen += amount_fen

    def pay_fee(self, side: Side, fees: str, amount_fen: int) -> None:
        """Beside the contract: the fee never is its money."""
        self._move(self.purses[side], fees, amount_fen)

    def pay_in(self, amount_fen: int) -> None:
        """The buyer's price comes in."""
        self._move(self.purses["buyer"], ESCROW, amount_fen)
        self.escrow_fen += amount_fen
        self._paid_in_fen += amount_fen

    def spend_earnest(self, amount_fen: int) -> None:
        """The buyer's earnest money becomes part of the price."""
        self._move(EARNEST, ESCROW, amount_fen)
        self.earnest_fen["buyer"] -= amount_fen
        self.escrow_fen += amount_fen
        assert self.earnest_fen["buyer"] >= 0

    def out_of_escrow(self, to: Side | str, amount_fen: int) -> None:
        """To a party, or to an account of the venue's own."""
        self._move(ESCROW, self._account(to), amount_fen)
        self.escrow_fen -= amount_fen
        self._paid_out_fen += amount_fen
        assert self.escrow_fen >= 0

    def out_of_earnest(self, whose: Side, to: Side | str, amount_fen: int) -> None:
        self._move(EARNEST, self._account(to), amount_fen)
        self.earnest_fen[whose] -= amount_fen
        self._paid_out_fen += amount_fen
        assert self.earnest_fen[whose] >= 0

    def pass_on(self, whose: Side, to: Side, amount_fen: int) -> None:
        """From purse to purse, through the contract's books."""
        self._move(self.purses[whose], self.purses[to], amount_fen)
        self._paid_in_fen += amount_fen
        self._paid_out_fen += amount_fen

    def drawn(self, escrow_fen: int, earnest_fen: int) -> None:
        """Somebody else has posted so much out of the price and out of the seller's earnest money."""
        self.escrow_fen -= escrow_fen
        self.earnest_fen["seller"] -= earnest_fen
        self._paid_out_fen += escrow_fen + earnest_fen
        assert self.escrow_fen >= 0
        assert self.earnest_fen["seller"] >= 0

    def give_back(self) -> None:
        """Both get what is left of their earnest money."""
        self.out_of_earnest("buyer", "buyer", self.earnest_fen["buyer"])
        self.out_of_earnest("seller", "seller", self.earnest_fen["seller"])

    def close(self, cause: PostingCause = "contract", **changes: Any) -> Contract:
        """Tell the transfers; the contract as it stands after them, and as `changes` say."""
        self._books.post(cause, self._contract.contract_id, self._transfers)
        self._transfers = []
        return replace(
            self._contract,
            escrow_fen=self.escrow_fen,
            buyer_earnest_fen=self.earnest_fen["buyer"],
            seller_earnest_fen=self.earnest_fen["seller"],
            paid_in_fen=self._paid_in_fen,
            paid_out_fen=self._paid_out_fen,
            **changes,
        )

    def _account(self, to: Side | str) -> Purse | str:
        return self.purses["buyer"] if to == "buyer" else self.purses["seller"] if to == "seller" else to

    def _move(self, debit: Purse | str, credit: Purse | str, amount_fen: int) -> None:
        assert amount_fen >= 0
        if amount_fen:
            self._transfers.append(self._books.pay(debit, credit, amount_fen))


def held_fen(contract: Contract) -> int:
    """All that a contract holds."""
    return contract.escrow_fen + contract.buyer_earnest_fen + contract.seller_earnest_fen


def value_fen(price: int, weight_g: int) -> int:
    """What grams are worth at a price per kilogram, rounded down to the fen."""
    return price * weight_g // 1_000
