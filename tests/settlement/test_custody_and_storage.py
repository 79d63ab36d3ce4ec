"""Where storage costs something: what a receipt owes goes with it, and is paid before the goods leave."""

from settlement.messages import LedgerPosted, ReceiptChanged
from settlement.messages.storage import PayStorage, StoragePaid, StorageTariff
from tests.exchange.floor import CHEN, DAY_NS, LI, MONDAY, told
from tests.settlement.depot import Depot

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, free_days=2)
ISSUED_DAY = MONDAY // DAY_NS


def depot(cash_fen: int = 1_000_000) -> Depot:
    """Chen's receipt 1 of 10 t costs 3,000 fen a day from the 25th on; it is the 30th."""
    depot = Depot()
    depot.configure(storage=(TARIFF,))
    depot.receipt(CHEN)
    if cash_fen:
        depot.deposit(CHEN, cash_fen)
    depot.wait_until(MONDAY + 7 * DAY_NS)
    return depot


def pay(floor: Depot, participant_id: int, *receipt_ids: int) -> None:
    floor.do(PayStorage(participant_id=participant_id, receipt_ids=receipt_ids))


def test_storage_counts_from_the_end_of_the_free_days() -> None:
    floor = depot()
    assert floor.the(1).storage_from_day == ISSUED_DAY + 2
    pay(floor, CHEN, 1)
    assert floor.only(StoragePaid).amount_fen == 5 * 3_000


def test_parts_owe_from_the_day_of_the_whole_and_so_does_who_is_given_one() -> None:
    floor = depot()
    floor.split(CHEN, 1, 4_000_000, 6_000_000)
    floor.give(CHEN, 2, to=LI)
    assert [receipt.storage_from_day for receipt in floor.engine.all_receipts()] == [ISSUED_DAY + 2] * 2
    floor.deposit(LI, 100_000)
    pay(floor, LI, 4)
    assert floor.only(StoragePaid).amount_fen == 5 * 1_200


def test_receipts_paid_up_to_different_days_pay_what_is_owed_when_they_merge() -> None:
    floor = depot()
    floor.split(CHEN, 1, 4_000_000, 6_000_000)
    pay(floor, CHEN, 2)
    floor.wait_until(MONDAY + 8 * DAY_NS)
    floor.merge(CHEN, 2, 3)
    assert [(paid.receipt_id, paid.from_day, paid.due_fen) for paid in floor.all(StoragePaid)] == [
        (2, ISSUED_DAY + 7, 1_200),
        (3, ISSUED_DAY + 2, 6 * 1_800),
    ]
    assert told(floor.only(LedgerPosted).transfers) == [
        "CNY participant:3 -> storage 1200",
        "CNY participant:3 -> storage 10800",
    ]
    assert floor.the(4).storage_from_day == ISSUED_DAY + 8


def test_equal_days_merge_without_paying() -> None:
    floor = depot(cash_fen=0)
    floor.split(CHEN, 1, 4_000_000, 6_000_000)
    floor.merge(CHEN, 2, 3)
    assert not floor.all(StoragePaid)
    assert floor.the(4).storage_from_day == ISSUED_DAY + 2


def test_who_cannot_pay_does_not_merge() -> None:
    floor = depot(cash_fen=7_000)
    floor.split(CHEN, 1, 4_000_000, 6_000_000)
    pay(floor, CHEN, 2)
    left_fen = floor.money(CHEN)
    floor.merge(CHEN, 2, 3)
    assert floor.refusal() == ("insufficient_funds", None)
    assert floor.parts() == [2, 3]
    assert floor.money(CHEN) == left_fen


def test_a_load_out_unpaid_is_refused() -> None:
    floor = depot()
    floor.order_delivery(CHEN, 1)
    floor.load_out(1)
    assert floor.refusal() == ("storage_unpaid", "receipt_id")
    pay(floor, CHEN, 1)
    floor.load_out(1)
    assert floor.only(ReceiptChanged).cause == "delivered"


def test_a_store_that_is_cleared_takes_what_its_holder_has() -> None:
    floor = depot(cash_fen=1_000)
    floor.wait_until(floor.the(1).expires_ns)
    floor.load_out(1)
    paid = floor.only(StoragePaid)
    assert (paid.cause, paid.amount_fen) == ("clearance", 1_000)
    assert paid.due_fen > 1_000
    assert told(floor.only(LedgerPosted).transfers) == [
        "LOT-1 participant:3 -> warehouse:SX1 10000000",
        "CNY participant:3 -> storage 1000",
    ]


def test_what_has_shrunk_costs_less_from_the_next_payment_on() -> None:
    floor = depot()
    floor.shrink(1, 5_000_000)
    pay(floor, CHEN, 1)
    assert floor.only(StoragePaid).due_fen == 5 * 1_500


def test_a_replacement_owes_what_the_lost_receipt_owed() -> None:
    floor = depot()
    floor.lose(CHEN, 1)
    floor.replace(1)
    assert floor.the(2).storage_from_day == ISSUED_DAY + 2
