"""The auditor: keeps books of his own from what the venue says, and judges after each command.

He is told the command and its events, and nothing of how the engine came to them. What he knows in the end he holds
against what the engine shows (`compare`).
"""

from typing import Any

from msgspec.structs import replace

from exchange.engine import Engine
from settlement.messages import (
    CASH,
    BalanceChanged,
    ExecutionReport,
    LedgerPosted,
    ParticipantRegistered,
    TradeBusted,
    TradeSettled,
    VenueConfigured,
)
from settlement.messages.climate import ColdChainBroken
from settlement.messages.storage import StoragePaid, WastageClaimed, WastageSettled
from tests.exchange.whole_venue.contracts import Contracts
from tests.exchange.whole_venue.deliveries import Gate
from tests.exchange.whole_venue.goods import Store
from tests.exchange.whole_venue.money import Ledger
from tests.exchange.whole_venue.orders import Orders
from tests.exchange.whole_venue.treasury import Treasury


class Auditor:
    """Books by subject, and what all of them say together."""

    def __init__(self) -> None:
        self.venue: VenueConfigured | None = None
        self.people: dict[int, ParticipantRegistered] = {}
        self.ledger = Ledger()
        self.orders = Orders()
        self.store = Store(self.ledger)
        self.contracts = Contracts(self.ledger)
        self.gate = Gate()
        self.treasury = Treasury(self.ledger)
        self.claims: dict[int, WastageClaimed] = {}
        self.told: dict[tuple[int, str], tuple[int, int]] = {}
        """(total, reserved) of each participant and asset, as last told."""

    def take(self, command: Any, events: tuple[Any, ...], sequence: int, time_ns: int) -> None:
        """Read what a command (None: time's coming) led to, and judge it."""
        self._judge_order(events)
        storage_fen = fees_fen = 0
        for event in events:
            match event:
                case VenueConfigured():
                    self.venue = event
                    self.orders.configure(event)
                    self.store.configure(event)
                case ParticipantRegistered():
                    assert event.participant_id == len(self.people) + 1
                    self.people[event.participant_id] = event
                case LedgerPosted():
                    self.ledger.hear(event)
                    if event.cause not in ("voucher", "suspense"):
                        storage_fen += sum(each.amount for each in event.transfers if each.credit == "storage")
                        fees_fen += sum(each.amount for each in event.transfers if each.credit == "fees")
                        fees_fen -= sum(each.amount for each in event.transfers if each.debit == "fees")
                case TradeSettled():
                    fees_fen -= event.buyer_fee_fen + event.seller_fee_fen
                    for _, bought_id, kilograms in event.lots:
                        bought = self.store.receipts[bought_id]
                        owner_id = event.buyer_id if event.contract_id is None else event.seller_id
                        assert (bought.participant_id, bought.weight_g) == (owner_id, 1_000 * kilograms), event
                case TradeBusted():
                    fees_fen += event.trade.buyer_fee_fen + event.trade.seller_fee_fen
                case StoragePaid():
                    storage_fen -= event.amount_fen
                case WastageClaimed():
                    assert sum(share.amount_fen for share in event.shares) == event.amount_fen
                    assert sum(share.weight_g for share in event.shares) == event.beyond_g > 0
                    self.claims[event.claim_id] = event
                case WastageSettled():
                    del self.claims[event.claim_id]
                case ColdChainBroken():
                    for affected in event.receipts:
                        held = self.store.receipts[affected.receipt_id]
                        assert any(hold.cause == "cold_chain" for hold in held.holds), (event, held)
                case _:
                    pass
            self.store.hear(event)
            self.gate.hear(event)
            self.contracts.hear(event, self.gate.contract_of)
            self.treasury.hear(event)
        assert (storage_fen, fees_fen) == (0, 0), "storage and fees that were told are those that were posted"
        self.orders.take(command, list(events), sequence, time_ns)
        self._judge(events, time_ns)

    def _judge_order(self, events: tuple[Any, ...]) -> None:
        """Reports follow everything else, then balances, each of them once."""
        kinds = [type(event) for event in events]
        last = [kind for kind in kinds if kind in (ExecutionReport, BalanceChanged)]
        assert kinds[len(kinds) - len(last) :] == last
        reports = last.count(ExecutionReport)
        assert last == [ExecutionReport] * reports + [BalanceChanged] * (len(last) - reports)
        told = [(event.participant_id, event.asset) for event in events if type(event) is BalanceChanged]
        assert len(dict.fromkeys(told)) == len(told), told

    def _judge(self, events: tuple[Any, ...], time_ns: int) -> None:
        for event in events:
            if type(event) is BalanceChanged:
                self.told[event.participant_id, event.asset] = (event.total, event.reserved)
        held = self.orders.held()
        self.ledger.judge()
        self.store.judge(held, events, time_ns)
        self.contracts.judge(self.store.receipts, time_ns)
        self.gate.judge(self.store.receipts, time_ns)
        self.treasury.judge()
        for report in self.orders.live.values():
            for receipt_id, _ in report.lots or ():
                receipt = self.store.receipts[receipt_id]
                assert (receipt.participant_id, receipt.symbol) == (report.participant_id, report.symbol)
        self._judge_balances(held)

    def _judge_balances(self, held: dict[int, int]) -> None:
        """What was told last of every balance is what it is."""
        goods = self.store.balances(held)
        for key in self.told:
            if key[1] != CASH and key not in goods:
                assert self.told[key] == (0, 0), (key, self.told[key])
        for key, found in goods.items():
            assert self.told.get(key) == found, (key, self.told.get(key), found)
        for participant_id in self.people:
            total_fen, reserved_fen = self.told.get((participant_id, CASH), (0, 0))
            assert total_fen == self.ledger.cash(participant_id), (participant_id, total_fen)
            assert 0 <= reserved_fen <= total_fen, (participant_id, total_fen, reserved_fen)
            by_orders = self.orders.reserved(participant_id)
            if by_orders is not None:
                expected_fen = by_orders + self.treasury.reserved(participant_id)
                assert reserved_fen == expected_fen, (participant_id, reserved_fen, expected_fen)

    def compare(self, engine: Engine) -> None:
        """What the events have told is all that the engine shows."""
        assert engine.accounts() == sorted(
            (asset, account, balance) for (asset, account), balance in self.ledger.balances.items()
        )
        live = self.orders.live
        found = {order.order_id: order for who in self.people for order in engine.live_orders(who)}
        assert found == live, _difference(found, live)
        receipts = {each.receipt_id: replace(each, reserved_g=0) for each in engine.all_receipts()}
        told = {receipt_id: replace(receipt, reserved_g=0) for receipt_id, receipt in self.store.receipts.items()}
        assert receipts == told, _difference(receipts, told)
        lots = {lot_id: lot for lot_id, lot in self.store.lots.items() if lot.status not in ("receipted", "refused")}
        assert {lot.lot_id: lot for lot in engine.lots()} == lots
        contracts = {contract.contract_id: contract for contract in engine.contracts.all()}
        assert contracts == self.contracts.live, _difference(contracts, self.contracts.live)
        assert {order.delivery_id: order for order in engine.delivery.all()} == self.gate.open
        assert {claim.claim_id: claim for claim in engine.storekeeper.open_claims()} == self.claims
        for participant_id in self.people:
            for balance in engine.balances(participant_id):
                now = (balance.total, balance.reserved)
                assert self.told.get((participant_id, balance.asset), (0, 0)) == now, balance


def _difference(found: dict[int, Any], told: dict[int, Any]) -> Any:
    return {
        key: (found.get(key), told.get(key))
        for key in sorted(found.keys() | told.keys())
        if found.get(key) != told.get(key)
    }
