"""A floor with docks and a gate: deliveries are ordered, loaded and handed over, and fail.

SX1 has dock A, 08:00 to 18:00, slots of half an hour for 12 t each. It is Monday, 2026-11-23, 10:00.
"""

from typing import Any

from settlement.civil import day_number, day_start_ns
from settlement.hand_over_codes import code_digest
from settlement.messages.delivery import (
    AcceptDelivery,
    BookSlot,
    BuyIn,
    BuyInChanged,
    CancelDelivery,
    CancelSlot,
    DeliveryChanged,
    DeliveryOrder,
    DeliveryTerms,
    DismissFailure,
    Dock,
    HandOver,
    Load,
    LoadChanged,
    MoveSlot,
    RenewCode,
    ReportFailedDelivery,
    RequestDelivery,
    StartBuyIn,
    VoidLoad,
    WeighOut,
)
from tests.exchange.floor import LI, OPERATOR, WAREHOUSE, Floor

DOCK = Dock(warehouse="SX1", code="A", opens_s=8 * 3600, closes_s=18 * 3600, slot_seconds=1800, capacity_kg=12_000)
SALT = "00112233445566778899aabbccddeeff"
CODE = "7K0Q1M4Z"
OTHER_CODE = "ZZZZ0000"
MINUTE_NS = 60 * 10**9
SECOND_OPERATOR = 6


def wall(hour: int, minute: int = 0, date: str = "2026-11-23") -> int:
    """A time on the venue's wall."""
    day = day_number(date)
    assert day is not None
    return day_start_ns(day) + (hour * 60 + minute) * MINUTE_NS


class Gate(Floor):
    """Every verb executes one command and answers what it is about as it stands then, or the events."""

    def __init__(
        self, *, docks: tuple[Dock, ...] = (DOCK,), delivery: DeliveryTerms | None = None, **venue: Any
    ) -> None:
        super().__init__()
        self.register("second", "operator")
        self.configure(docks=docks, delivery=delivery or DeliveryTerms(), **venue)
        self._tickets = 0

    def bought(self, kilograms: int = 4_000, price: int = 250, buyer_id: int = LI) -> int:
        """The grower brings ten tonnes, the buyer takes some; his receipt."""
        self.receipt()
        self.deposit(buyer_id, 10_000_000)
        self.sell(3, kilograms, price)
        self.buy(buyer_id, kilograms, price)
        return self.held(buyer_id)[-1][0]

    def request(self, receipt_id: int, participant_id: int = LI, *, code: str | None = CODE, **more: Any) -> int:
        """A delivery order, with a code; its number."""
        drawn = {} if code is None else {"code_salt": SALT, "code_digest": code_digest(SALT, code)}
        command = RequestDelivery(participant_id=participant_id, receipt_id=receipt_id, **(drawn | more))
        return self._order(self.do(command)).delivery_id

    def ask(self, receipt_id: int, participant_id: int = LI, **more: Any) -> list[Any]:
        """The same, where a refusal is expected."""
        return self.do(RequestDelivery(participant_id=participant_id, receipt_id=receipt_id, **more))

    def cancel_delivery(self, delivery_id: int, participant_id: int = LI) -> list[Any]:
        return self.do(CancelDelivery(participant_id=participant_id, delivery_id=delivery_id))

    def book(self, delivery_id: int, starts_ns: int, participant_id: int = LI, **more: Any) -> list[Any]:
        fields = {"dock": "A"} | more
        return self.do(BookSlot(participant_id=participant_id, delivery_id=delivery_id, starts_ns=starts_ns, **fields))

    def move(self, delivery_id: int, starts_ns: int, participant_id: int = LI, **more: Any) -> list[Any]:
        fields = {"dock": "A"} | more
        return self.do(MoveSlot(participant_id=participant_id, delivery_id=delivery_id, starts_ns=starts_ns, **fields))

    def cancel_slot(self, delivery_id: int, participant_id: int = LI) -> list[Any]:
        return self.do(CancelSlot(participant_id=participant_id, delivery_id=delivery_id))

    def weigh_out(self, delivery_id: int, net_g: int, **more: Any) -> list[Any]:
        self._tickets += 1
        fields: dict[str, Any] = {
            "operator_id": WAREHOUSE,
            "ticket": f"T{self._tickets}",
            "tare_g": 7_500_000,
            "scale_id": "SX1-9",
            "plate": "粤G·12345",
            "carrier": "北坡物流",
            "driver": "黄师傅",
        } | more
        return self.do(WeighOut(delivery_id=delivery_id, gross_g=net_g + fields["tare_g"], **fields))

    def void_load(self, delivery_id: int, load_id: int, operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(
            VoidLoad(operator_id=operator_id, delivery_id=delivery_id, load_id=load_id, reason="the wrong pallet")
        )

    def renew_code(self, delivery_id: int, code: str, participant_id: int = LI) -> list[Any]:
        digest = code_digest(SALT, code)
        return self.do(
            RenewCode(participant_id=participant_id, delivery_id=delivery_id, code_salt=SALT, code_digest=digest)
        )

    def hand_over(self, delivery_id: int, code: str = CODE, operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(HandOver(operator_id=operator_id, delivery_id=delivery_id, code=code))

    def accept(self, delivery_id: int, participant_id: int = LI) -> list[Any]:
        return self.do(AcceptDelivery(participant_id=participant_id, delivery_id=delivery_id))

    def report_failure(self, delivery_id: int, cause: Any = "missing", operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(
            ReportFailedDelivery(
                operator_id=operator_id, delivery_id=delivery_id, cause=cause, reason="the pallets are not there"
            )
        )

    def dismiss(self, delivery_id: int, operator_id: int = OPERATOR) -> list[Any]:
        return self.do(DismissFailure(operator_id=operator_id, delivery_id=delivery_id, reason="found in chamber 3"))

    def start_buy_in(self, delivery_id: int, base_price: int | None = 250, **more: Any) -> list[Any]:
        fields: dict[str, Any] = {"operator_id": OPERATOR, "delivery_id": delivery_id, "base_price": base_price}
        return self.do(StartBuyIn(**(fields | more)))

    # Looking

    def order(self) -> DeliveryOrder:
        """The delivery order as the last command left it."""
        return self._order(self.events)

    def _order(self, events: list[Any]) -> DeliveryOrder:
        found: DeliveryOrder = self.all(DeliveryChanged, events)[-1].delivery
        return found

    def load(self) -> Load:
        """The truck as the last command left it."""
        found: Load = self.all(LoadChanged)[-1].load
        return found

    def buy_in(self) -> BuyIn:
        """The buy-in as the last command left it."""
        found: BuyIn = self.all(BuyInChanged)[-1].buy_in
        return found

    def causes(self) -> list[str]:
        """What happened to delivery orders by the last command."""
        return [event.cause for event in self.all(DeliveryChanged)]

    def refused(self) -> tuple[str, str | None]:
        """(reason, field) of the last command's refusal; after time's events, or a counted try, it stands last."""
        event = self.events[-1]
        return event.reason, event.field
