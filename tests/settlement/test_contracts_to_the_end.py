"""Contracts that are kept: paid, tendered, fetched, weighed, invoiced, and what each side has in the end."""

from settlement.messages import LedgerPosted, ReceiptChanged, TradeSettled
from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    Contract,
    ContractTerms,
    PayContract,
    RegisterInvoice,
    TenderGoods,
)
from settlement.messages.storage import StoragePaid, StorageTariff
from tests.settlement.contract_books import CHEN, LI, ContractBooks, causes, contract_in, time_of

# 1,000 kg at 300 fen make 300,000 fen; earnest money 60,000 each, fee 0.05 %: 150 each.


def pay(contract_id: int = 1, who: int = LI) -> PayContract:
    return PayContract(participant_id=who, contract_id=contract_id)


def tender(contract_id: int = 1, who: int = CHEN) -> TenderGoods:
    return TenderGoods(participant_id=who, contract_id=contract_id)


def test_a_trade_takes_earnest_money_and_fee_of_both_and_sets_the_goods_aside() -> None:
    books = ContractBooks()
    books.store(1_500)
    books.deposit(CHEN, 60_150)
    books.deposit(LI, 60_150)
    sell, buy = books.order("sell", CHEN, 300, 1_000), books.order("buy", LI, 300, 1_000)
    told = books.match(buy, sell, 300, 1_000)
    contract = contract_in(told)
    assert (books.cash(CHEN), books.cash(LI), books.account("earnest"), books.account("fees")) == (0, 0, 120_000, 300)
    assert (contract.state, contract.value_fen, contract.first_day) == ("concluded", 300_000, "2026-09-23")
    # Thursday is D2; Friday is mid-autumn, so that Monday is D3 and Wednesday D5; D6 is the eighth of October.
    assert contract.pay_by_ns == time_of("2026-09-29")
    assert contract.pickup_by_ns == time_of("2026-10-01")
    assert contract.final_by_ns == time_of("2026-10-22")
    assert contract.due_ns == contract.pay_by_ns
    (settled,) = [event for event in told if isinstance(event, TradeSettled)]
    assert (settled.contract_id, settled.amount_fen, settled.lots) == (1, 300_000, ((1, 2, 1_000),))
    (posted,) = [event for event in told if isinstance(event, LedgerPosted)]
    assert [(each.debit, each.credit, each.amount) for each in posted.transfers] == [
        ("participant:4", "earnest", 60_000),
        ("participant:3", "earnest", 60_000),
        ("participant:4", "fees", 150),
        ("participant:3", "fees", 150),
    ]
    held = books.books.receipts.get(2)
    assert held is not None
    assert (held.participant_id, held.state, held.weight_g) == (CHEN, "held", 1_000_000)
    assert books.contracts.contract_of(2) == 1


def invoice(amount_fen: int, number: str = "044002600111", contract_id: int = 1) -> RegisterInvoice:
    return RegisterInvoice(participant_id=CHEN, contract_id=contract_id, invoice_number=number, amount_fen=amount_fen)


def delivering(books: ContractBooks) -> Contract:
    """A contract whose goods the buyer may fetch: 1,000 kg at 300 fen."""
    books.open()
    books.do(pay())
    return contract_in(books.do(tender()))


def test_paid_and_tendered_the_goods_are_the_buyers_to_fetch() -> None:
    books = ContractBooks()
    books.open()
    told = books.do(pay())
    assert causes(told) == ["paid"]
    assert (books.account("escrow"), contract_in(told).state) == (300_000, "paid")
    told = books.do(tender())
    contract = contract_in(told)
    assert causes(told) == ["tendered", "title_passed"]
    assert (contract.state, contract.delivery_ids, contract.due_ns) == ("delivering", (1,), contract.pickup_by_ns)
    (receipt_id,) = contract.receipt_ids
    receipt = books.books.receipts.get(receipt_id)
    assert receipt is not None
    assert (receipt.participant_id, receipt.state, receipt.holds) == (LI, "delivery_ordered", ())
    assert books.gate.tolerances == {1: 100_000}
    assert books.desk.asked[-1] == ("close", ("BXJ-1-SX1-26W39",))


def test_the_order_of_paying_and_tendering_does_not_matter() -> None:
    books = ContractBooks()
    books.open()
    assert contract_in(books.do(tender())).state == "tendered"
    assert books.refused(tender()) == "already_tendered"
    assert causes(books.do(pay())) == ["paid", "title_passed"]


def test_goods_set_aside_count_as_tendered_at_the_end_of_the_term() -> None:
    books = ContractBooks()
    books.open()
    books.do(pay())
    assert books.wait("2026-09-28", 23) == []
    assert causes(books.wait("2026-09-29")) == ["tendered", "title_passed"]


def test_a_contract_of_full_weight_ends_with_nothing_left_over() -> None:
    books = ContractBooks()
    contract = delivering(books)
    before = books.cash(LI), books.cash(CHEN)
    told = books.fetch(contract, 1_000_000)
    contract = contract_in(told)
    assert causes(told) == ["picked_up", "quantity_agreed"]
    assert (contract.state, contract.settled_fen, contract.escrow_fen) == ("part_paid", 300_000, 60_000)
    assert books.cash(CHEN) - before[1] == 240_000
    assert books.refused(invoice(299_999)) == "wrong_amount"
    assert causes(books.do(invoice(300_000))) == ["invoiced"]
    assert causes(books.do(AcceptGoods(participant_id=LI, contract_id=1))) == ["accepted", "completed"]
    assert books.contracts.all() == []
    assert (books.account("earnest"), books.account("escrow")) == (0, 0)
    assert (books.cash(LI) - before[0], books.cash(CHEN) - before[1]) == (60_000, 360_000)
    assert books.refused(pay()) == "unknown_contract"


def test_without_a_word_the_second_part_follows_when_the_time_for_objections_is_over() -> None:
    books = ContractBooks()
    contract = delivering(books)
    contract = contract_in(books.fetch(contract, 1_000_000))
    assert contract.objection_by_ns == time_of("2026-09-25", 10)
    books.do(invoice(300_000))
    assert books.wait("2026-09-25", 9) == []
    assert causes(books.wait("2026-09-25", 10)) == ["completed"]


def test_without_an_invoice_the_second_part_waits_for_the_last_day() -> None:
    books = ContractBooks()
    books.fetch(delivering(books), 1_000_000)
    assert books.wait("2026-10-21", 23) == []
    assert causes(books.wait("2026-10-22")) == ["completed"]


def test_what_is_light_is_refunded_and_what_is_heavy_is_charged() -> None:
    light = ContractBooks()
    contract = delivering(light)
    li = light.cash(LI)
    contract = contract_in(light.fetch(contract, 987_654, reason="dried in the cold store"))
    # 300 fen × 987,654 g / 1,000 = 296,296.2 fen
    assert (contract.settled_g, contract.settled_fen, contract.refund_fen) == (987_654, 296_296, 3_704)
    assert contract.weight_reason == "dried in the cold store"
    assert light.cash(LI) - li == 3_704
    assert contract.escrow_fen == 296_296 - 237_036

    heavy = ContractBooks()
    contract = delivering(heavy)
    li = heavy.cash(LI)
    contract = contract_in(heavy.fetch(contract, 1_050_001))
    assert (contract.settled_fen, contract.surcharge_fen, contract.uncollected_fen) == (315_000, 15_000, 0)
    assert li - heavy.cash(LI) == 15_000


def test_a_surplus_that_cash_does_not_cover_comes_out_of_the_earnest_money() -> None:
    books = ContractBooks()
    contract = delivering(books)
    books.spend(LI, books.cash(LI) - 4_000)
    contract = contract_in(books.fetch(contract, 1_100_000))
    assert (contract.settled_fen, contract.surcharge_fen, contract.buyer_earnest_fen) == (330_000, 30_000, 34_000)
    assert books.cash(LI) == 0


def test_what_neither_cash_nor_earnest_money_covers_is_not_paid_here() -> None:
    books = ContractBooks(ContractTerms(earnest_permille=10, tolerance_permille=10))
    contract = delivering(books)
    books.spend(LI, books.cash(LI))
    books.fetch(contract, 1_030_000)
    agree = AgreeWeight(participant_id=LI, contract_id=1, weight_g=1_020_000)
    assert books.refused(agree) == "insufficient_funds"
    books.do(AgreeWeight(participant_id=CHEN, contract_id=1, weight_g=1_010_000))
    books.do(AgreeWeight(participant_id=LI, contract_id=1, weight_g=1_010_000))
    assert books.now(contract).settled_fen == 303_000


def test_beyond_the_tolerance_both_must_say_the_same_weight() -> None:
    books = ContractBooks()
    contract = delivering(books)
    told = books.fetch(contract, 899_999)
    assert causes(told) == ["picked_up", "weighed"]
    assert contract_in(told).state == "weighed"
    assert causes(books.do(AgreeWeight(participant_id=LI, contract_id=1, weight_g=899_999))) == ["weight_stated"]
    assert causes(books.do(AgreeWeight(participant_id=CHEN, contract_id=1, weight_g=920_000))) == ["weight_stated"]
    told = books.do(AgreeWeight(participant_id=LI, contract_id=1, weight_g=920_000))
    assert causes(told) == ["weight_stated", "quantity_agreed"]
    assert contract_in(told).settled_fen == 276_000


def test_a_weight_on_which_nobody_agrees_is_a_dispute_after_the_last_day() -> None:
    books = ContractBooks()
    contract = delivering(books)
    books.fetch(contract, 800_000)
    told = books.wait("2026-10-22")
    assert causes(told) == ["disputed"]
    assert (contract_in(told).dispute_opened_by, contract_in(told).dispute_reason) == (0, "weight_not_agreed")


def test_exactly_at_the_tolerance_the_weight_is_agreed() -> None:
    for net_g in (900_000, 1_100_000):
        books = ContractBooks()
        assert contract_in(books.fetch(delivering(books), net_g)).state == "part_paid"


def test_several_trades_of_one_order_pay_earnest_money_on_all_of_it_and_no_more() -> None:
    books = ContractBooks()
    books.store(10)
    for who in (CHEN, LI):
        books.deposit(who, 10_000)
    sell, buy = books.order("sell", CHEN, 333, 10), books.order("buy", LI, 333, 10)
    paid = []
    for _ in range(3):
        contract = contract_in(books.match(buy, sell, 333, 3))
        paid.append(contract.buyer_earnest_paid_fen)
    # ⌈20 % of 999⌉ = 200; of 1,998: 400; of 2,997: 600
    assert paid == [200, 200, 200]
    assert buy.reserved_fen == buy.required_fen(10, 333) > 0
    contract = contract_in(books.match(buy, sell, 333, 1))
    # ⌈20 % of 3,330⌉ = 666
    assert contract.buyer_earnest_paid_fen == 66
    assert sum(paid) + 66 == 666
    assert sell.reserved_fen == buy.reserved_fen == 0


def test_a_trade_below_the_bound_frees_more_than_it_costs() -> None:
    books = ContractBooks()
    books.store(100)
    for who in (CHEN, LI):
        books.deposit(who, 10_000)
    sell, buy = books.order("sell", CHEN, 400, 100), books.order("buy", LI, 400, 100)
    before = buy.reserved_fen
    books.match(buy, sell, 250, 50)
    assert buy.reserved_fen == buy.required_fen(100, 400) < before - 2_500
    assert books.books.purses[LI].reserved_fen == buy.reserved_fen


def test_the_sellers_storage_comes_out_of_the_first_part_of_the_price() -> None:
    tariff = StorageTariff(warehouse="SX1", fen_per_tonne_day=200)
    books = ContractBooks(storage=(tariff,))
    books.open()
    books.do(pay())
    told = books.wait("2026-09-29")
    contract = contract_in(told)
    # Six days: from the 23rd to the 28th, the day of title not included.
    assert [(due.due_fen, due.to_day - due.from_day) for due in contract.storage] == [(1_200, 6)]
    chen = books.cash(CHEN)
    told = books.fetch(contract, 1_000_000)
    (paid,) = [event for event in told if isinstance(event, StoragePaid)]
    assert (paid.cause, paid.participant_id, paid.due_fen, paid.amount_fen) == ("contract", CHEN, 1_200, 1_200)
    assert (books.account("storage"), books.cash(CHEN) - chen) == (1_200, 240_000 - 1_200)
    transferred = [event.receipt for event in told if isinstance(event, ReceiptChanged)]
    assert transferred == []


def test_a_contract_is_nobody_elses_and_each_side_has_its_own_part() -> None:
    books = ContractBooks()
    books.open()
    assert books.refused(pay(who=6)) == "unknown_contract"
    assert books.refused(pay(contract_id=2)) == "unknown_contract"
    assert books.refused(pay(who=CHEN)) == "wrong_party"
    assert books.refused(tender(who=LI)) == "wrong_party"
    assert books.refused(AcceptGoods(participant_id=LI, contract_id=1)) == "wrong_state"
    assert books.refused(invoice(300_000)) == "wrong_state"
    books.spend(LI, books.cash(LI) - 299_999)
    assert books.refused(pay()) == "insufficient_funds"
    books.deposit(LI, 1)
    books.do(pay())
    assert books.refused(pay()) == "wrong_state"


def test_an_invoice_is_registered_once_and_its_number_belongs_to_one_contract() -> None:
    books = ContractBooks()
    first = delivering(books)
    books.fetch(first, 1_000_000)
    books.do(invoice(300_000))
    assert books.refused(invoice(300_000)) == "already_invoiced"
    books.open()
    books.do(pay(2))
    second = contract_in(books.do(tender(2)))
    books.fetch(second, 1_000_000)
    assert books.refused(invoice(300_000, contract_id=2)) == "duplicate_reference"
    books.do(invoice(300_000, "044002600112", 2))
