"""Goods that do not come: the seller's earnest money, the buy-in's draws, and what is settled of the rest."""

from settlement.ledger import participant_account
from settlement.messages.contracts import Contract, PayContract, TenderGoods
from tests.settlement.contract_books import CHEN, LI, ContractBooks, causes, contract_in, time_of

# 1,000 kg at 300 fen; earnest money 60,000 each, the price of 300,000 is held.


def delivering() -> tuple[ContractBooks, Contract]:
    books = ContractBooks()
    books.open()
    books.do(PayContract(participant_id=LI, contract_id=1))
    return books, contract_in(books.do(TenderGoods(participant_id=CHEN, contract_id=1)))


def leave(books: ContractBooks, contract: Contract, weight_g: int) -> None:
    """Some of the goods leave by the books and by the scale."""
    receipt = books.books.receipts.get(contract.receipt_ids[0])
    assert receipt is not None
    stock = books.books.receipts.load_out(receipt, weight_g)
    books.books.move_goods(stock, participant_account(LI), stock.account, weight_g)
    books.let("on_weighed_out", 1, 1, weight_g, weight_g, False, 0, None)


def draw(books: ContractBooks, escrow_fen: int, earnest_fen: int) -> None:
    """The buy-in pays for goods out of what the contract holds."""
    for account, amount in (("escrow", escrow_fen), ("earnest", earnest_fen)):
        if amount:
            books.books.pay(account, books.books.purses[LI], amount)
    assert causes(books.let("drawn", 1, escrow_fen, earnest_fen)) == ["drawn"]


def test_a_failure_stops_the_terms_and_the_seller_answers_for_it() -> None:
    books, contract = delivering()
    told = books.let("on_delivery_failed", 1, 1, 1_000_000, "spoiled")
    assert (causes(told), contract_in(told).state) == (["failed"], "failed")
    default = books.contracts.collection.default_of(1)
    assert default is not None
    assert (default.defaulter_id, default.price) == (CHEN, 300)
    assert books.contracts.collection.cover_of(1, 1_000_000) == (300_000, 60_000)
    assert books.contracts.collection.cover_of(1, 333_333) == (99_999, 60_000)
    assert books.wait("2026-10-10") == []
    told = books.let("on_failure_dismissed", 1, 1)
    # It goes on, with the rest of the day and the next one to fetch the goods.
    assert (causes(told), contract_in(told).state) == (["failure_dismissed"], "delivering")
    assert contract_in(told).pickup_by_ns == time_of("2026-10-12")
    assert contract.pickup_by_ns == time_of("2026-10-01")


def test_where_nothing_was_delivered_all_goes_back_and_the_earnest_money_to_the_buyer() -> None:
    books, _ = delivering()
    li = books.cash(LI)
    books.let("on_delivery_failed", 1, 1, 1_000_000, "missing")
    draw(books, 280_000, 45_000)
    told = books.let("on_made_good", 1, 1, 1_000_000, 900_000, 100_000)
    assert causes(told) == ["made_good", "defaulted"]
    contract = contract_in(told)
    assert (contract.late, contract.reason, contract.earnest_drawn_fen) == ("seller", "delivery_failed", 60_000)
    # The price, his own earnest money, and the seller's.
    assert books.cash(LI) - li == 300_000 + 60_000 + 60_000
    assert (books.account("earnest"), books.account("escrow")) == (0, 0)


def test_what_was_delivered_is_settled_and_the_rest_costs_the_seller_his_share() -> None:
    books, contract = delivering()
    leave(books, contract, 600_000)
    books.let("on_delivery_failed", 1, 1, 400_000, "spoiled")
    draw(books, 120_000, 10_000)
    li, chen = books.cash(LI), books.cash(CHEN)
    told = books.let("on_made_good", 1, 1, 400_000, 400_000, 0)
    assert causes(told) == ["made_good", "quantity_agreed"]
    contract = contract_in(told)
    # Two fifths of the seller's earnest money are 24,000, of which the buy-in has taken 10,000.
    assert books.cash(LI) - li == 14_000
    assert (contract.settled_fen, contract.refund_fen, contract.seller_earnest_fen) == (180_000, 0, 36_000)
    assert books.cash(CHEN) - chen == 144_000


def test_what_a_buy_in_left_of_the_price_returns_to_the_buyer() -> None:
    books, contract = delivering()
    leave(books, contract, 600_000)
    books.let("on_delivery_failed", 1, 1, 400_000, "spoiled")
    draw(books, 0, 40_000)
    li = books.cash(LI)
    contract = contract_in(books.let("on_made_good", 1, 1, 400_000, 0, 400_000))
    # More than its share was drawn: nothing more is forfeit.
    assert (contract.refund_fen, contract.seller_earnest_fen, books.cash(LI) - li) == (120_000, 20_000, 120_000)


def test_a_late_buyer_bears_the_failure_himself() -> None:
    books, _ = delivering()
    books.wait("2026-10-02")
    told = books.let("on_delivery_failed", 1, 1, 1_000_000, "spoiled")
    assert causes(told) == ["quantity_agreed"]
    contract = contract_in(told)
    assert (contract.settled_fen, contract.accepted, contract.weight_reason) == (300_000, True, "spoiled")
    default = books.contracts.collection.default_of(1)
    assert default is not None
    assert default.defaulter_id == LI


def test_an_acceptance_at_the_gate_leaves_the_window_for_objections_open() -> None:
    books, contract = delivering()
    books.fetch(contract, 1_000_000)
    assert books.let("on_delivery_accepted", 1, 1) == []
    assert not books.now(contract).accepted


def test_other_deliveries_and_contracts_are_none_of_its_business() -> None:
    books, contract = delivering()
    for hook, arguments in (
        ("on_weighed_out", (1, 7, 1, 1, True, 0, None)),
        ("on_weighed_out", (9, 1, 1, 1, True, 0, None)),
        ("on_delivery_failed", (1, 7, 1, "missing")),
        ("on_failure_dismissed", (1, 1)),
        ("on_made_good", (1, 1, 1, 1, 0)),
    ):
        assert books.let(hook, *arguments) == []
    assert books.now(contract) == contract
