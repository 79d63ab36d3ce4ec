"""The office of deliveries."""

from typing import Any, Final

from msgspec import msgpack

from settlement.books import Books
from settlement.delivery.contracts import ContractDeliveries
from settlement.delivery.docks import Docks
from settlement.delivery.failing import Failing
from settlement.delivery.gate import Gate
from settlement.delivery.goods import Goods
from settlement.delivery.loading import Loading
from settlement.delivery.ordering import Ordering
from settlement.delivery.register import Register, RegisterState
from settlement.load_out_slots import LoadOutSlots
from settlement.messages.delivery import (
    AcceptDelivery,
    BookSlot,
    CancelDelivery,
    CancelSlot,
    DeliveryOrder,
    DismissFailure,
    HandOver,
    Load,
    MoveSlot,
    RenewCode,
    ReportFailedDelivery,
    RequestDelivery,
    VoidLoad,
    WeighOut,
)
from settlement.office import Handlers

_encode = msgpack.Encoder().encode


class Delivery:
    """Costs are O(1), or O(log deliveries) where time is involved, unless said."""

    def __init__(self, books: Books) -> None:
        self._register: Final = Register(books)
        goods = Goods(books)
        self._docks: Final = Docks(books, self._register)
        self._loading: Final = Loading(books, self._register, self._docks)
        self._gate: Final = Gate(books, self._register, goods)
        ordering = Ordering(books, self._register, goods)
        failing = Failing(books, self._register, goods)
        self._ordering: Final = ordering
        self._failing: Final = failing
        self.open_for_contract: Final = ordering.open_for_contract
        self.withdraw: Final = ordering.withdraw
        self.begin_making_good: Final = failing.begin_making_good
        self.end_making_good: Final = failing.end_making_good

    def handlers(self) -> Handlers:
        return {
            RequestDelivery: self._ordering.request,
            CancelDelivery: self._ordering.cancel,
            BookSlot: self._docks.book,
            MoveSlot: self._docks.move,
            CancelSlot: self._docks.cancel,
            WeighOut: self._loading.weigh_out,
            VoidLoad: self._loading.void,
            RenewCode: self._gate.renew_code,
            HandOver: self._gate.hand_over,
            AcceptDelivery: self._gate.accept,
            ReportFailedDelivery: self._failing.report,
            DismissFailure: self._failing.dismiss,
        }

    @property
    def contracts(self) -> ContractDeliveries:
        """Whom contracts' deliveries are told; set by the engine."""
        return self._register.contracts

    @contracts.setter
    def contracts(self, contracts: ContractDeliveries) -> None:
        self._register.contracts = contracts

    # Looking

    def get(self, delivery_id: int) -> DeliveryOrder | None:
        """A delivery order that has not ended."""
        found = self._register.open.get(delivery_id)
        return None if found is None else found.order

    def all(self) -> list[DeliveryOrder]:
        """Those that have not ended, ascending. O(deliveries)."""
        return [found.order for found in self._register.open.values()]

    def loads(self, delivery_id: int) -> list[Load]:
        """The trucks that were weighed and not handed over, ascending."""
        found = self._register.open.get(delivery_id)
        return [] if found is None else list(found.loads)

    def find(self, command: Any) -> DeliveryOrder | None:
        """The order that a command names; `unknown_delivery`, or `delivery_closed` of one that has ended."""
        found = self._register.any(command)
        return None if found is None else found.order

    @property
    def slots(self) -> LoadOutSlots:
        """The booked times of all docks."""
        return self._register.slots

    @property
    def last_delivery_id(self) -> int:
        return self._register.last_delivery_id

    # Time

    def next_deadline_ns(self) -> int | None:
        return self._register.next_deadline_ns()

    def reach(self) -> None:
        """Slots are over, and what nobody has objected to is accepted, in the order of their time."""
        while (found := self._register.next_due()) is not None:
            if found.slot_due_ns is not None:
                self._docks.be_over(found)
            else:
                self._gate.be_accepted(found, "time", "accepted_by_time")

    # State

    def state(self) -> bytes:
        return _encode(self._register.state())

    def restore(self, state: bytes) -> None:
        self._register.restore(msgpack.decode(state, type=RegisterState))

    def digest(self) -> Any:
        return self._register.digest()

    def audit(self) -> None:
        """Orders, receipts, slots and deadlines agree. O(deliveries)."""
        self._register.audit()
