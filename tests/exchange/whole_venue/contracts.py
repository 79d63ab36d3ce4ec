"""Contracts as the events tell them: what each holds by the postings alone, and what a party has paid in the end."""

from typing import Any

from settlement.contracts.states import ENDED, TRANSITIONS
from settlement.messages import CASH, LedgerPosted, Receipt, TradeSettled
from settlement.messages.contracts import Contract, ContractChanged, ContractState
from settlement.messages.storage import StoragePaid
from tests.exchange.whole_venue.money import Ledger

MONEY = ("earnest", "escrow")

LEADS = {
    state: {reached for states in happenings.values() for reached in states} | {state}
    for state, happenings in TRANSITIONS.items()
}


class Contracts:
    """Live contracts by their last event; of each what lies in the venue's accounts, and what its parties have paid."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.live: dict[int, Contract] = {}
        self.ended: dict[int, str] = {}
        self.held: dict[int, dict[str, int]] = {}
        self.bought_in: dict[int, None] = {}
        """Contracts out of which a buy-in has paid."""
        self._net: dict[int, dict[str, int]] = {}
        self._storage: dict[int, int] = {}
        self._expected: dict[int, TradeSettled] = {}
        self._began: dict[int, ContractState] = {}
        """In which state the command at hand found the contracts that it has changed."""

    def hear(self, event: Any, contract_of_delivery: dict[int, int | None]) -> None:
        match event:
            case LedgerPosted(cause="contract" | "dispute", reference_id=contract_id):
                self._hear_money(contract_id, event)
            case LedgerPosted(cause="buy_in", reference_id=delivery_id):
                contract_id = contract_of_delivery[delivery_id]
                if contract_id is not None:
                    self.bought_in[contract_id] = None
                    self._hear_money(contract_id, event)
                else:
                    assert not any(each in MONEY for transfer in event.transfers for each in _sides(transfer))
            case TradeSettled(contract_id=int(contract_id)):
                self._expected[contract_id] = event
            case StoragePaid(cause="contract"):
                self._storage[event.reference_id] = self._storage.get(event.reference_id, 0) + event.amount_fen
            case ContractChanged():
                self._hear_contract(event.cause, event.contract)
            case _:
                pass

    def _hear_money(self, contract_id: int, posted: LedgerPosted) -> None:
        held = self.held.setdefault(contract_id, dict.fromkeys(MONEY, 0))
        net = self._net.setdefault(contract_id, {})
        for transfer in posted.transfers:
            if transfer.asset != CASH:
                continue
            for account, amount in ((transfer.debit, -transfer.amount), (transfer.credit, transfer.amount)):
                if account in held:
                    held[account] += amount
                net[account] = net.get(account, 0) + amount
        assert min(held.values()) >= 0, (contract_id, posted)

    def _hear_contract(self, cause: str, contract: Contract) -> None:
        contract_id = contract.contract_id
        was = self.live.get(contract_id)
        assert contract_id not in self.ended, contract
        if was is None:
            assert cause == contract.state == "concluded"
            assert contract_id == len(self.live) + len(self.ended) + 1
            trade = self._expected.pop(contract_id)
            assert (trade.buyer_id, trade.seller_id) == (contract.buyer_id, contract.seller_id)
            assert (trade.price, trade.quantity) == (contract.price, contract.quantity)
            assert (trade.buyer_fee_fen, trade.seller_fee_fen) == (contract.buyer_fee_fen, contract.seller_fee_fen)
        else:
            began = self._began.setdefault(contract_id, was.state)
            assert contract.state in LEADS[was.state] | LEADS[began], (cause, was, contract)
        held = self.held[contract_id]
        assert contract.escrow_fen == held["escrow"], (cause, contract, held)
        assert contract.buyer_earnest_fen + contract.seller_earnest_fen == held["earnest"], (cause, contract, held)
        assert contract.paid_in_fen - contract.paid_out_fen == sum(held.values())
        if contract.state in ENDED:
            assert not any(held.values()), contract
            self._judge_end(contract)
            self.live.pop(contract_id, None)
            self.ended[contract_id] = contract.state
            del self.held[contract_id]
        else:
            self.live[contract_id] = contract

    def _judge_end(self, contract: Contract) -> None:
        """What the parties have paid in all is what the rules say, to the fen."""
        contract_id = contract.contract_id
        net = self._net[contract_id]
        buyer = net.get(f"participant:{contract.buyer_id}", 0) + contract.buyer_fee_fen
        seller = net.get(f"participant:{contract.seller_id}", 0) + contract.seller_fee_fen
        storage = self._storage.get(contract_id, 0)
        assert storage == net.get("storage", 0)
        assert buyer + seller + storage + net.get("risk_fund", 0) == 0 or contract_id in self.bought_in
        if contract_id in self.bought_in:
            return
        late = contract.buyer_late_fen - contract.seller_late_fen
        match contract.state:
            case "completed":
                assert contract.settled_fen is not None
                earned = contract.settled_fen - contract.granted_fen
                if contract.undelivered_g == 0:
                    assert buyer == -earned - late, (contract, net)
                    assert seller == earned + late - storage, (contract, net)
            case "terminated":
                assert buyer == seller == late == 0, (contract, net)
            case "annulled":
                assert (buyer, seller) == (-late, late), (contract, net)
            case "defaulted" if contract.undelivered_g == 0:
                self._judge_default(contract, buyer, seller, net)
            case _:
                pass

    def _judge_default(self, contract: Contract, buyer: int, seller: int, net: dict[str, int]) -> None:
        """Late charges go from the one to the other all the same, and out of earnest money first."""
        if contract.late == "both":
            risk = net.get("risk_fund", 0)
            assert buyer + seller + risk == 0
            assert abs(buyer - seller) <= abs(contract.buyer_late_fen - contract.seller_late_fen) * 2 + risk + 1
            return
        lost, got = (buyer, seller) if contract.late == "buyer" else (seller, buyer)
        paid = contract.buyer_earnest_paid_fen if contract.late == "buyer" else contract.seller_earnest_paid_fen
        assert lost == -got
        late_fen = contract.buyer_late_fen if contract.late == "buyer" else contract.seller_late_fen
        other_fen = contract.seller_late_fen if contract.late == "buyer" else contract.buyer_late_fen
        # What late charges took out of cash beyond his earnest money comes on top.
        assert -lost >= paid - other_fen, (contract, net)
        assert -lost <= max(paid, late_fen) - other_fen + late_fen, (contract, net)

    def goods(self) -> dict[int, Contract]:
        """Which receipts stand for the goods of which live contract."""
        return {receipt_id: contract for contract in self.live.values() for receipt_id in contract.receipt_ids}

    def judge(self, receipts: dict[int, Receipt], now_ns: int) -> None:
        """The venue's accounts hold what its contracts do; their goods are where they belong."""
        assert not self._expected
        self._began.clear()
        for account in MONEY:
            assert self._ledger.of(CASH, account) == sum(held[account] for held in self.held.values())
        for receipt_id, contract in self.goods().items():
            receipt = receipts.get(receipt_id)
            if receipt is None:
                continue
            before = contract.title_ns is None
            assert any(hold.cause == "contract" for hold in receipt.holds) == before, (receipt, contract)
            assert receipt.state != "issued", (receipt, contract)
            assert receipt.participant_id == (contract.seller_id if before else contract.buyer_id) or not before
        for contract in self.live.values():
            assert contract.due_ns is None or contract.due_ns > now_ns, contract
        owned = self.goods()
        for receipt in receipts.values():
            held_for = any(hold.cause == "contract" for hold in receipt.holds)
            assert not held_for or receipt.receipt_id in owned, receipt


def _sides(transfer: Any) -> tuple[str, str]:
    return transfer.debit, transfer.credit
