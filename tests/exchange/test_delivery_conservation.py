"""Whatever others and warehouse do at the gate, in whichever order: no gram and no fen is made or lost, no dock is
promised twice, and the commands that were journaled lead to the same state again.
"""

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exchange.engine import Engine
from exchange.protocol import decode_commands, decode_events, encode
from settlement.hand_over_codes import code_digest
from settlement.messages import HoldReceipt, LiftHold, RecordShrinkage, RequestRefused, TakeStock
from settlement.messages.delivery import DeliveryChanged, DeliveryOrder, Dock, LoadChanged, SlotChanged
from settlement.messages.receipts import StockChanged
from tests.exchange.floor import CHEN, LI, OPERATOR, WANG, WAREHOUSE
from tests.exchange.gate import CODE, DOCK, MINUTE_NS, OTHER_CODE, SALT, SECOND_OPERATOR, Gate

DOCKS = (DOCK, Dock(warehouse="SX1", code="B", opens_s=0, closes_s=86_400, slot_seconds=3_600, capacity_kg=30_000))
LOT_G = 10_000_000
BY_TIME = ("slot_missed", "slot_used", "accepted_by_time", "made_good")
"""What may happen to orders before a command that is refused."""

deliveries = st.integers(0, 15)
"""Which of the live orders; 15 is one that nobody knows."""
others = st.sampled_from([None, None, None, None, WAREHOUSE, WANG])
"""Who acts in the buyer's place, if not he himself."""
weights = st.one_of(st.integers(1, 3_000_000), st.sampled_from([1_000_000, 2_500_000, 5_000_000]))


class Gatekeeping(RuleBasedStateMachine):
    @initialize(docks=st.sampled_from([(), DOCKS]))
    def open(self, docks: tuple[Dock, ...]) -> None:
        """In half of the runs trucks come by appointment."""
        self.gate = Gate(docks=docks)
        self.gate.bought(6_000)
        self.gate.deposit(WAREHOUSE, 200_000)
        self.told: dict[int, DeliveryOrder] = {}
        self.left_g = 0
        self.lost_g = 0
        self.booked: dict[int, tuple[str, int, int]] = {}
        for who, weight_g in ((LI, 5_000_000), (CHEN, 2_000_000)):
            self._hear(self.gate.ask(self.gate.held(who)[0][0], who, weight_g=weight_g, **drawn(CODE)))

    def _pick(self, number: int) -> int:
        live = [order.delivery_id for order in self.gate.engine.delivery.all()]
        return live[number % len(live)] if live and number != 15 else number + 1

    def _buyer(self, delivery_id: int, other: int | None) -> int:
        order = self.told.get(delivery_id)
        return LI if order is None else other or order.participant_id

    def _hear(self, events: list[Any]) -> None:
        """What a reader of the events knows."""
        refused = any(type(event) is RequestRefused for event in events)
        changed = [event for event in events if type(event) is DeliveryChanged]
        assert not refused or all(event.cause in ("wrong_code", *BY_TIME) for event in changed)
        for event in events:
            if type(event) is DeliveryChanged:
                self.told[event.delivery.delivery_id] = event.delivery
            elif type(event) is LoadChanged and event.load.state == "handed_over":
                self.left_g += event.load.posted_g
            elif type(event) is StockChanged:
                self.lost_g += event.booked_g - event.weight_g
            elif type(event) is SlotChanged:
                slot = event.slot
                if slot.state == "booked":
                    self.booked[slot.slot_id] = (slot.dock, slot.starts_ns, slot.ends_ns)
                else:
                    del self.booked[slot.slot_id]

    # Ordering

    @rule(who=st.sampled_from([CHEN, LI]), pick=st.integers(0, 5), weight_g=st.none() | weights)
    def request(self, who: int, pick: int, weight_g: int | None) -> None:
        held = self.gate.held(who)
        if held and self.gate.engine.delivery.last_delivery_id < 6:
            receipt_id = held[pick % len(held)][0]
            from_code = self.gate.engine.sequence % 2
            self._hear(self.gate.ask(receipt_id, who, weight_g=weight_g, **(drawn(CODE) if from_code else {})))

    @rule(delivery_id=deliveries, other=others)
    def cancel(self, delivery_id: int, other: int | None) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.cancel_delivery(delivery_id, self._buyer(delivery_id, other)))

    @rule(
        delivery_id=deliveries,
        dock=st.sampled_from("AB"),
        half_hours=st.integers(-1, 6),
        slots=st.integers(1, 3),
        other=others,
    )
    def take_slot(self, delivery_id: int, dock: str, half_hours: int, slots: int, other: int | None) -> None:
        delivery_id = self._pick(delivery_id)
        order = self.told.get(delivery_id)
        verb = self.gate.book if order is None or order.slot is None else self.gate.move
        at_ns = self.gate.time_ns // (30 * MINUTE_NS) * 30 * MINUTE_NS
        starts_ns = at_ns + half_hours * 30 * MINUTE_NS
        self._hear(verb(delivery_id, starts_ns, self._buyer(delivery_id, other), dock=dock, slots=slots))

    @rule(delivery_id=deliveries, other=others)
    def cancel_slot(self, delivery_id: int, other: int | None) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.cancel_slot(delivery_id, self._buyer(delivery_id, other)))

    # Loading

    @rule(delivery_id=deliveries, net_g=weights, last=st.booleans(), reason=st.sampled_from([None, "dried up"]))
    def weigh_out(self, delivery_id: int, net_g: int, last: bool, reason: str | None) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.weigh_out(delivery_id, net_g, last=last, reason=reason))

    @rule(delivery_id=deliveries, few_g=st.integers(-30_000, 30_000))
    def weigh_out_the_rest(self, delivery_id: int, few_g: int) -> None:
        delivery_id = self._pick(delivery_id)
        order = self.told.get(delivery_id)
        if order is not None and order.ordered_g - order.loaded_g + few_g > 0:
            net_g = order.ordered_g - order.loaded_g + few_g
            self._hear(self.gate.weigh_out(delivery_id, net_g, last=True, reason="dried up"))

    @rule(delivery_id=deliveries, load_id=st.integers(1, 12))
    def void(self, delivery_id: int, load_id: int) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.void_load(delivery_id, load_id))

    @rule(delivery_id=deliveries, code=st.sampled_from([CODE, CODE, CODE, OTHER_CODE]))
    def hand_over(self, delivery_id: int, code: str) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.hand_over(delivery_id, code))

    @rule(delivery_id=deliveries, other=others)
    def renew_code(self, delivery_id: int, other: int | None) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.renew_code(delivery_id, CODE, self._buyer(delivery_id, other)))

    @rule(delivery_id=deliveries, other=others)
    def accept(self, delivery_id: int, other: int | None) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.accept(delivery_id, self._buyer(delivery_id, other)))

    # Failing

    @rule(delivery_id=deliveries, cause=st.sampled_from(["missing", "spoiled", "refused", "held", "expired"]))
    def fail(self, delivery_id: int, cause: str) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.report_failure(delivery_id, cause))

    @rule(delivery_id=deliveries)
    def dismiss(self, delivery_id: int) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.dismiss(delivery_id))

    @rule(delivery_id=deliveries, defaulter_id=st.sampled_from([None, WANG, CHEN]), base=st.integers(1, 300))
    def buy_in(self, delivery_id: int, defaulter_id: int | None, base: int) -> None:
        delivery_id = self._pick(delivery_id)
        self._hear(self.gate.start_buy_in(delivery_id, base, defaulter_id=defaulter_id, operator_id=SECOND_OPERATOR))

    @rule(quantity=st.integers(1, 2_000), price=st.integers(200, 320))
    def offer(self, quantity: int, price: int) -> None:
        self.gate.sell(CHEN, quantity, price)
        self._hear(self.gate.events)

    # What happens to stored goods

    @rule(pick=st.integers(0, 29), lifted=st.booleans())
    def hold(self, pick: int, lifted: bool) -> None:
        receipts = self.gate.engine.all_receipts()
        if pick < len(receipts):
            receipt_id = receipts[pick].receipt_id
            command: Any = (
                LiftHold(operator_id=OPERATOR, receipt_id=receipt_id, cause="quality")
                if lifted
                else HoldReceipt(operator_id=OPERATOR, receipt_id=receipt_id, cause="quality", reason="mould")
            )
            self._hear(self.gate.do(command))

    @rule(weight_g=st.integers(1, 400_000))
    def shrink(self, weight_g: int) -> None:
        self._hear(self.gate.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=weight_g, reason="dry air")))

    @rule(more_g=st.integers(-200_000, 200_000))
    def take_stock(self, more_g: int) -> None:
        there_g = sum(receipt.weight_g for receipt in self.gate.engine.all_receipts())
        self._hear(self.gate.do(TakeStock(operator_id=WAREHOUSE, lot_id=1, weight_g=max(0, there_g + more_g))))

    @rule(minutes=st.sampled_from([1, 30, 30, 45, 180, 1_500]))
    def wait(self, minutes: int) -> None:
        self._hear(self.gate.wait_until(self.gate.time_ns + minutes * MINUTE_NS))

    # What holds

    @invariant()
    def no_gram_is_made_or_lost(self) -> None:
        there_g = sum(receipt.weight_g for receipt in self.gate.engine.all_receipts())
        assert there_g + self.left_g + self.lost_g == LOT_G

    @invariant()
    def no_dock_is_promised_twice(self) -> None:
        booked = sorted(self.booked.values())
        for (dock, _, ends_ns), (next_dock, starts_ns, _) in pairwise(booked):
            assert dock != next_dock or ends_ns <= starts_ns

    @invariant()
    def the_events_tell_the_orders(self) -> None:
        live = {order.delivery_id: order for order in self.gate.engine.delivery.all()}
        ended = ("accepted", "cancelled", "made_good")
        assert live == {key: order for key, order in self.told.items() if order.state not in ended}

    @precondition(lambda self: self.gate.engine.sequence % 10 == 0)
    @rule()
    def put_back(self) -> None:
        """A snapshot is as good as the engine that wrote it."""
        before = self.gate.engine.state_hash()
        self.gate.engine = Engine.restore(self.gate.engine.snapshot())
        self.gate.engine.audit()
        assert self.gate.engine.state_hash() == before

    def teardown(self) -> None:
        """The journal's commands, through its codec, lead to the same state."""
        again = Engine()
        for sequence, (command, time_ns) in enumerate(self.gate.commands, 1):
            (decoded,) = decode_commands(encode((command,)))
            events = again.execute(decoded, sequence, time_ns)
            assert decode_events(encode((events,))) == (events,)
        assert again.state_hash() == self.gate.engine.state_hash()


def drawn(code: str) -> dict[str, str]:
    return {"code_salt": SALT, "code_digest": code_digest(SALT, code)}


TestGatekeeping = Gatekeeping.TestCase
