"""Holders pay for storage: what has accrued, all or none, and the same day costs nothing again."""

from typing import Any

from msgspec.structs import replace

from settlement.civil import venue_day
from settlement.ledger import participant_account
from settlement.messages import LedgerPosted, ReceiptChanged
from settlement.messages.storage import PayStorage, StoragePaid, StorageTariff
from settlement.storage import STORAGE
from settlement.storekeeper import Storekeeper, collect, due_fen, refuse_unpaid
from tests.settlement.stores import CHEN, LI, Stores

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, free_days=3)


def venue() -> Stores:
    return Stores(Storekeeper, storage=(TARIFF,))


def only(kind: type, events: list[Any]) -> Any:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def test_a_holder_pays_what_has_accrued_and_nothing_the_second_time() -> None:
    stores = venue()
    receipt = stores.store()
    stores.deposit(CHEN, 100_000)
    stores.wait(days=7)
    today = venue_day(stores.books.time_ns)
    assert due_fen(stores.books, receipt) == 12_000
    assert refuse_unpaid(stores.books, receipt) == "storage_unpaid"

    pay = PayStorage(participant_id=CHEN, receipt_ids=(receipt.receipt_id,))
    events = stores.do(pay)
    posted = only(LedgerPosted, events)
    assert (posted.cause, posted.reference_id) == ("storage", 1)
    assert [(each.debit, each.credit, each.amount) for each in posted.transfers] == [
        (participant_account(CHEN), STORAGE, 12_000)
    ]
    paid = only(StoragePaid, events)
    assert (paid.cause, paid.reference_id, paid.from_day, paid.to_day) == ("payment", 1, today - 4, today)
    assert (paid.due_fen, paid.amount_fen) == (12_000, 12_000)
    assert only(ReceiptChanged, events).receipt.storage_from_day == today
    assert refuse_unpaid(stores.books, receipt) is None

    again = stores.do(pay)
    assert [type(event) for event in again] == [StoragePaid]
    assert (again[0].amount_fen, again[0].from_day, again[0].to_day) == (0, today, today)
    assert stores.cash(CHEN) == 88_000
    assert stores.books.ledger.balance("CNY", STORAGE) == 12_000

    stores.wait(days=1)
    assert due_fen(stores.books, receipt) == 3_000


def test_paying_while_days_are_free_keeps_them_free() -> None:
    stores = venue()
    receipt = stores.store()
    stores.wait(days=1)
    (told,) = stores.do(PayStorage(participant_id=CHEN, receipt_ids=(receipt.receipt_id,)))
    assert told.amount_fen == 0
    stores.wait(days=2)
    assert due_fen(stores.books, receipt) == 0
    stores.wait(days=1)
    assert due_fen(stores.books, receipt) == 3_000


def test_several_receipts_are_paid_together_or_not_at_all() -> None:
    stores = venue()
    first, second = stores.store(weight_g=1_000_001), stores.store(weight_g=2_000_000)
    stores.wait(days=4)
    pay = PayStorage(participant_id=CHEN, receipt_ids=(second.receipt_id, first.receipt_id))
    stores.deposit(CHEN, 900)
    assert stores.refused(pay) == ("insufficient_funds", None)
    stores.deposit(CHEN, 1)
    events = stores.do(pay)
    assert [each.amount for each in only(LedgerPosted, events).transfers] == [600, 301]
    assert stores.cash(CHEN) == 0


def test_money_that_orders_hold_is_not_there_to_pay() -> None:
    stores = venue()
    receipt = stores.store()
    stores.deposit(CHEN, 3_000)
    stores.books.purses[CHEN].reserved_fen = 1
    stores.wait(days=4)
    assert stores.refused(PayStorage(participant_id=CHEN, receipt_ids=(receipt.receipt_id,)))[0] == "insufficient_funds"


def test_what_is_wrong_with_a_payment_is_said_in_order() -> None:
    stores = venue()
    mine, his = stores.store(), stores.store(LI)
    number = mine.receipt_id
    assert stores.refused(PayStorage(participant_id=9, receipt_ids=(number,))) == (
        "unknown_participant",
        "participant_id",
    )
    assert stores.refused(PayStorage(participant_id=CHEN, receipt_ids=(77, number, number)))[0] == "invalid_receipt_ids"
    for others in (77, his.receipt_id):
        refusal = stores.refused(PayStorage(participant_id=CHEN, receipt_ids=(number, others)))
        assert refusal == ("unknown_receipt", "receipt_ids")


def test_an_expired_receipt_goes_on_accruing_until_the_store_is_cleared() -> None:
    stores = venue()
    receipt = stores.store(life_days=5)
    stores.deposit(CHEN, 10_000)
    stores.wait(days=5)
    stores.books.receipts.expire(receipt)
    stores.wait(days=4)
    assert due_fen(stores.books, receipt) == 18_000
    transfers = collect(stores.books, receipt, "clearance", receipt.receipt_id)
    assert [each.amount for each in transfers] == [10_000]
    paid = only(StoragePaid, stores.books.events)
    assert (paid.due_fen, paid.amount_fen) == (18_000, 10_000)
    assert stores.cash(CHEN) == 0
    assert due_fen(stores.books, receipt) == 0
    stores.books.events.clear()
    assert collect(stores.books, receipt, "clearance", receipt.receipt_id) == []
    assert stores.books.events == []


def test_a_new_tariff_is_for_lots_that_come_after_it() -> None:
    stores = venue()
    old = stores.store()
    stores.wait(days=1)
    dearer = StorageTariff(warehouse="SX1", fen_per_tonne_day=900)
    stores.books.configure(replace(stores.books.venue, storage=(dearer,)))
    new = stores.store()
    stores.wait(days=4)
    assert due_fen(stores.books, old) == 2 * 3_000
    assert due_fen(stores.books, new) == 4 * 9_000


def test_the_office_comes_back_as_it_was() -> None:
    stores = venue()
    receipt = stores.store()
    stores.deposit(CHEN, 100_000)
    stores.wait(days=4)
    stores.do(PayStorage(participant_id=CHEN, receipt_ids=(receipt.receipt_id,)))
    other = Storekeeper(stores.books)
    assert other.digest() != stores.office.digest()
    other.restore(stores.office.state())
    assert other.digest() == stores.office.digest()
    assert other.next_deadline_ns() is None
