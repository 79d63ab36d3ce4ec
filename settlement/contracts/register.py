"""The register of live contracts: each as it stands, whose it is, when it goes on by itself; and what may happen to it.

Every step begins here, by asking the table of states, and ends here: the contract is kept and told as it stands then.
"""

from heapq import heappop, heappush
from typing import Any, Final, Protocol

from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import DAY_NS
from settlement.contracts.goods import CAUSE, GoodsRoom
from settlement.contracts.money import EARNEST, ESCROW, Side, held_fen
from settlement.contracts.states import ENDED, TRANSITIONS, Happening
from settlement.contracts.terms import HOUR_NS
from settlement.digest import Digest
from settlement.messages import CASH, Role
from settlement.messages.contracts import Contract, ContractCause, ContractChanged, ContractState
from settlement.receipts import LiveReceipt

OPERATORS: Final[tuple[Role, ...]] = ("operator",)


class Deliveries(Protocol):
    """What contracts ask of the delivery office."""

    def open_for_contract(self, receipt: LiveReceipt, contract_id: int, tolerance_g: int) -> int:
        """The goods of a receipt are to be fetched, and may weigh so much more: the delivery order's number."""

    def withdraw(self, receipt_id: int) -> bool:
        """They are not to be fetched any more."""


class Register:
    """Contracts by number. Costs are O(receipts of the contract), and O(log contracts) where time is involved."""

    deliveries: Deliveries
    """Set by the engine before the first command."""

    def __init__(self, books: Books, goods: GoodsRoom) -> None:
        self._books: Final = books
        self._goods: Final = goods
        self.last_contract_id = 0
        self._contracts: dict[int, Contract] = {}
        self._of: dict[int, dict[int, None]] = {}
        self._of_receipt: dict[int, int] = {}
        self._digest: Digest[int] = Digest()
        # (due_ns, contract_id); an entry is of use while the contract is due just then.
        self._due: list[tuple[int, int]] = []
        # The step at hand: in which state it found its contract, and what happens.
        self._step: tuple[ContractState, Happening] = ("concluded", "pay")

    # Looking

    def get(self, contract_id: int) -> Contract | None:
        """A live contract. O(1)."""
        return self._contracts.get(contract_id)

    def of(self, participant_id: int) -> list[Contract]:
        """A participant's live contracts, ascending. O(his contracts)."""
        return [self._contracts[contract_id] for contract_id in self._of.get(participant_id, {})]

    def all(self) -> list[Contract]:
        """Ascending. O(contracts)."""
        return list(self._contracts.values())

    def contract_of(self, receipt_id: int) -> int | None:
        """The contract whose goods a receipt stands for. O(1)."""
        return self._of_receipt.get(receipt_id)

    # Beginning a step

    def own(self, command: Any, happening: Happening, side: Side | None) -> Contract | None:
        """The contract that a party's command names, where it can be done; else the command is refused.

        `unknown_contract`, `wrong_party`, `wrong_state`.
        """
        contract = self._contracts.get(command.contract_id)
        if contract is None or command.participant_id not in (contract.buyer_id, contract.seller_id):
            self._books.refuse(command, "unknown_contract", "contract_id")
            return None
        if side is not None and command.participant_id != (
            contract.buyer_id if side == "buyer" else contract.seller_id
        ):
            self._books.refuse(command, "wrong_party", "participant_id")
            return None
        return self.may(command, contract, happening)

    def operated(self, command: Any, happening: Happening) -> Contract | None:
        """The same for an operator's: `unknown_participant`, `wrong_role`, `unknown_contract`, `wrong_state`."""
        if not self._books.may(command, "operator_id", OPERATORS):
            return None
        contract = self._contracts.get(command.contract_id)
        if contract is None:
            self._books.refuse(command, "unknown_contract", "contract_id")
            return None
        return self.may(command, contract, happening)

    def may(self, command: Any, contract: Contract, happening: Happening) -> Contract | None:
        """The table of states decides."""
        if happening in TRANSITIONS[contract.state]:
            self._step = contract.state, happening
            return contract
        self._books.refuse(command, "wrong_state", "contract_id")
        return None

    def check(self, contract: Contract, happening: Happening) -> None:
        """Offices and time bring only what the table of states knows."""
        assert happening in TRANSITIONS[contract.state], (contract.contract_id, contract.state, happening)
        self._step = contract.state, happening

    # Ending it

    def add(self, contract: Contract) -> Contract:
        """A new contract, which bears the next number."""
        self.last_contract_id += 1
        assert contract.contract_id == self.last_contract_id
        self._step = contract.state, "pay"
        self._seat(contract)
        return self.put(contract, "concluded")

    def put(self, contract: Contract, cause: ContractCause) -> Contract:
        """Keep a live contract as it stands now, and tell it."""
        contract_id = contract.contract_id
        self._check_step(contract)
        due_ns = self._due_of(contract)
        # What is overdue by what has just become known is done in a moment: time does not run backwards.
        contract = replace(contract, due_ns=None if due_ns is None else max(due_ns, self._books.time_ns + 1))
        for receipt_id in self._contracts[contract_id].receipt_ids:
            self._of_receipt.pop(receipt_id, None)
        self._index(contract)
        self._books.events.append(ContractChanged(cause, contract))
        return contract

    def end(self, contract: Contract, cause: ContractCause) -> None:
        """Tell how it ended, and forget it."""
        contract_id = contract.contract_id
        self._check_step(contract)
        assert contract.state in ENDED
        assert held_fen(contract) == 0
        assert contract.paid_in_fen == contract.paid_out_fen
        self._books.events.append(ContractChanged(cause, replace(contract, due_ns=None)))
        del self._contracts[contract_id]
        self._digest.changed[contract_id] = None
        for receipt_id in contract.receipt_ids:
            self._of_receipt.pop(receipt_id, None)
        for participant_id in (contract.buyer_id, contract.seller_id):
            mine = self._of[participant_id]
            del mine[contract_id]
            if not mine:
                del self._of[participant_id]

    def _seat(self, contract: Contract) -> None:
        self._contracts[contract.contract_id] = contract
        for participant_id in (contract.buyer_id, contract.seller_id):
            self._of.setdefault(participant_id, {})[contract.contract_id] = None

    def _index(self, contract: Contract) -> None:
        contract_id = contract.contract_id
        self._contracts[contract_id] = contract
        self._digest.changed[contract_id] = None
        for receipt_id in contract.receipt_ids:
            self._of_receipt[receipt_id] = contract_id
        if contract.due_ns is not None:
            heappush(self._due, (contract.due_ns, contract_id))

    def _check_step(self, contract: Contract) -> None:
        """A step leads only where the table says."""
        state, happening = self._step
        assert contract.state == state or contract.state in TRANSITIONS[state][happening], (state, happening, contract)

    # Time

    def next_due_ns(self) -> int | None:
        """When the next contract goes on by itself."""
        due = self._due
        while due:
            due_ns, contract_id = due[0]
            contract = self._contracts.get(contract_id)
            if contract is not None and contract.due_ns == due_ns:
                return due_ns
            heappop(due)
        return None

    def take_due(self) -> Contract | None:
        """The next contract that is due by now, the lower number first; its step has begun."""
        due_ns = self.next_due_ns()
        if due_ns is None or due_ns > self._books.time_ns:
            return None
        contract = self._contracts[heappop(self._due)[1]]
        self.check(contract, "term_ends")
        return contract

    def _due_of(self, contract: Contract) -> int | None:
        """When it goes on by itself."""
        match contract.state:
            case "concluded" | "paid" | "tendered":
                return self._or_spoiled(contract, contract.pay_by_ns)
            case "overdue":
                return self._or_spoiled(contract, contract.pay_by_ns + contract.late_days * DAY_NS)
            case "delivering":
                return contract.pickup_by_ns
            case "uncollected":
                return self._or_spoiled(contract, contract.pickup_by_ns + contract.late_days * DAY_NS)
            case "weighed":
                assert contract.weighed_ns is not None
                return max(contract.final_by_ns, contract.weighed_ns + contract.terms.objection_hours * HOUR_NS)
            case "part_paid":
                assert contract.objection_by_ns is not None
                if contract.invoice_number is not None:
                    return contract.objection_by_ns
                return (
                    contract.final_by_ns if contract.accepted else max(contract.objection_by_ns, contract.final_by_ns)
                )
            case "objected":
                assert contract.objection is not None
                answer_by_ns = contract.objection.time_ns + contract.terms.objection_hours * HOUR_NS
                return max(contract.final_by_ns, answer_by_ns)
        return None

    def _or_spoiled(self, contract: Contract, deadline_ns: int) -> int:
        """The goods may be no more before; what has spoiled already ends nothing twice."""
        expires_ns = self._goods.expires_ns(contract)
        return deadline_ns if expires_ns is None else min(deadline_ns, expires_ns)

    # State

    def digest(self) -> tuple[int, bytes]:
        """What stands for all of them. O(what has changed since the last time)."""
        return self.last_contract_id, self._digest.bring_up_to_date(self._contracts.get)

    def restore(self, last_contract_id: int, contracts: list[Contract]) -> None:
        self.last_contract_id = last_contract_id
        for contract in contracts:
            self._seat(contract)
            self._index(contract)

    def audit(self) -> None:
        """The venue's accounts hold what the contracts say, to the fen; what came in for each and did not go out is
        what it holds; its goods are where its state says. O(contracts).
        """
        books = self._books
        assert list(self._contracts) == sorted(self._contracts)
        earnest = escrow = 0
        of: dict[int, dict[int, None]] = {}
        of_receipt: dict[int, int] = {}
        for contract_id, contract in self._contracts.items():
            assert contract.contract_id == contract_id <= self.last_contract_id
            assert contract.state not in ENDED
            assert contract.paid_in_fen - contract.paid_out_fen == held_fen(contract)
            assert min(contract.escrow_fen, contract.buyer_earnest_fen, contract.seller_earnest_fen) >= 0
            assert contract.due_ns is None or contract.due_ns > books.time_ns
            assert (contract.due_ns is None) == (contract.state in ("failed", "disputed"))
            assert contract.failed_ids or contract.state != "failed"
            earnest += contract.buyer_earnest_fen + contract.seller_earnest_fen
            escrow += contract.escrow_fen
            for participant_id in (contract.buyer_id, contract.seller_id):
                of.setdefault(participant_id, {})[contract_id] = None
            for receipt_id in contract.receipt_ids:
                of_receipt[receipt_id] = contract_id
            self._audit_goods(contract)
        assert of == self._of
        assert of_receipt == self._of_receipt
        assert books.ledger.balance(CASH, EARNEST) == earnest
        assert books.ledger.balance(CASH, ESCROW) == escrow
        dues = [contract.due_ns for contract in self._contracts.values() if contract.due_ns is not None]
        assert self.next_due_ns() == min(dues, default=None)

    def _audit_goods(self, contract: Contract) -> None:
        """Before title has passed they are the seller's and held; after it they are held for the contract no more."""
        for receipt in self._goods.receipts(contract):
            held = any(hold.cause == CAUSE for hold in receipt.holds)
            assert held == (contract.title_ns is None)
            assert contract.title_ns is not None or receipt.participant_id == contract.seller_id
