"""A gate at a venue with contracts: SYMBOL is listed, `AUCTIONED` auctioned and `AGREED` agreed on.

It is Monday, 2026-11-23, 10:00; trading days are told to the end of the year. D3 ends with the 25th, D5 with the 27th,
D15 with the eleventh of December.
"""

from typing import Any

from matching.messages import AcceptCounter
from settlement.civil import iso_date
from settlement.messages import TradeSettled
from settlement.messages.contracts import (
    AnnounceTradingDays,
    Contract,
    ContractChanged,
    ContractTerms,
    PayContract,
    TenderGoods,
)
from tests.exchange.floor import CHEN, LI, SYMBOL, time_of
from tests.exchange.gate import CODE, Gate, wall

AUCTIONED = "BXJ-E-SX1-26W47"
AGREED = "BXJ-2-SX1-26W47"
DAY_NS = 86_400 * 10**9


def weekdays(since: str, until: str) -> AnnounceTradingDays:
    first, last = (time_of(date) // DAY_NS + 1 for date in (since, until))
    days = tuple(iso_date(day) for day in range(first, last + 1) if (day + 3) % 7 < 5)
    return AnnounceTradingDays(since=since, until=until, days=days)


class ContractFloor(Gate):
    """Whatever is executed, the engine is audited after it."""

    def __init__(self, terms: ContractTerms | None = None, *, told: bool = True, **venue: Any) -> None:
        super().__init__(contract=terms or ContractTerms(), **venue)
        if told:
            self.do(weekdays("2026-11-23", "2026-12-31"))
        self.define(SYMBOL, mode="listing")
        self.define(AUCTIONED, mode="one_way_auction")
        self.define(AGREED, mode="negotiated")

    def lot(self, symbol: str = SYMBOL, participant_id: int = CHEN, **changes: Any) -> int:
        """Ten tonnes of it in the store: the receipt."""
        return self.receipt(participant_id, grade=symbol.split("-")[1], **changes)

    def contract(self) -> Contract:
        """The contract as the last command left it."""
        found: Contract = self.all(ContractChanged)[-1].contract
        return found

    def contracts(self) -> list[Contract]:
        """Those that the last command concluded."""
        return [event.contract for event in self.all(ContractChanged) if event.cause == "concluded"]

    def steps(self) -> list[str]:
        """What happened to contracts by the last command."""
        return [event.cause for event in self.all(ContractChanged)]

    def settled(self) -> TradeSettled:
        found: TradeSettled = self.only(TradeSettled)
        return found

    def accept_counter(self, counter_id: int, participant_id: int) -> list[Any]:
        return self.do(AcceptCounter(counter_id, participant_id))

    def pay(self, contract_id: int = 1, participant_id: int = LI) -> list[Any]:
        return self.do(PayContract(participant_id=participant_id, contract_id=contract_id))

    def tender(self, contract_id: int = 1, *receipt_ids: int) -> list[Any]:
        command = TenderGoods(participant_id=CHEN, contract_id=contract_id, receipt_ids=receipt_ids or None)
        return self.do(command)

    def fetch(self, contract: Contract, net_g: int, **more: Any) -> list[Any]:
        """One truck takes all: slot, scale, code."""
        (delivery_id,) = contract.delivery_ids
        buyer_id = contract.buyer_id
        self.renew_code(delivery_id, CODE, buyer_id)
        self.book(delivery_id, wall(11), buyer_id)
        self.time_ns = wall(11)
        self.weigh_out(delivery_id, net_g, last=True, **more)
        return self.hand_over(delivery_id)

    def bought(self, kilograms: int = 4_000, price: int = 250, buyer_id: int = LI) -> int:
        """The buyer takes so much of a listing of ten tonnes: the contract."""
        self.lot()
        self.deposit(buyer_id, 2 * price * kilograms)
        self.deposit(CHEN, 2 * price * kilograms)
        listing = self.list_lot(CHEN, kilograms, price, receipt_id=self.held(CHEN)[-1][0])
        self.take(buyer_id, listing.order_id, kilograms)
        return self.contract().contract_id
