"""What the journal tells becomes rows, and questions find them: the same on SQLite and on PostgreSQL."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import IntegrityError

from matching.messages import OrderAccepted, TradeExecuted
from settlement import queries
from settlement.messages import (
    BalanceChanged,
    CashAdjusted,
    CashDeposited,
    ExecutionReport,
    LedgerPosted,
    Lot,
    LotChanged,
    LotsDelivered,
    ParticipantRegistered,
    Receipt,
    ReceiptChanged,
    RequestRefused,
    TradeBusted,
    TradeSettled,
    Transfer,
    Variety,
    VenueConfigured,
    Warehouse,
)
from settlement.projection import project
from settlement.queries import InvalidCursor
from settlement.tables import metadata

SYMBOL = "BXJ-1-SX1-26W47"
OPERATOR, GROWER, TRADER = 1, 2, 3


class Batch(Struct, frozen=True):
    first_sequence: int
    time_ns: int
    events: Sequence[Sequence[Any]]


@pytest.fixture
def ground(database: Engine) -> Engine:
    """A database that knows three participants and a lot."""
    tell(database, batch(1, *GROUND))
    return database


def order(order_id: int, participant_id: int = TRADER, **changed: Any) -> ExecutionReport:
    """A buy of 100 kilograms as it rests, but for what has changed; an ended order has nothing left."""
    ended = changed.get("status", "resting") not in queries.LIVE_ORDERS
    left = 0 if ended else changed.get("quantity", 100)
    changed = {"remaining": left, "displayed": left} | changed
    report = ExecutionReport(
        order_id=order_id,
        client_order_id=f"c{order_id}",
        participant_id=participant_id,
        symbol=SYMBOL,
        side="buy",
        kind="limit",
        price=250,
        stop_price=None,
        quantity=100,
        filled=0,
        remaining=100,
        time_in_force="gtc",
        status="resting",
        reason=None,
        traded_fen=0,
        fee_fen=0,
        sequence=1,
        time_ns=10,
        displayed=100,
    )
    return msgspec.structs.replace(report, **changed)


def lot(lot_id: int = 1, **changed: Any) -> Lot:
    announced = Lot(
        lot_id=lot_id,
        participant_id=GROWER,
        variety="BXJ",
        grade="1",
        warehouse="SX1",
        harvest_date="2026-11-20",
        cartons=500,
        weight_g=9_000_000,
        town="城月镇",
        village="平衡村",
        symbol=SYMBOL,
        announced_ns=10,
    )
    return msgspec.structs.replace(announced, **changed)


def receipt(receipt_id: int = 1, participant_id: int = GROWER, **changed: Any) -> Receipt:
    issued = Receipt(
        receipt_id=receipt_id,
        lot_id=1,
        participant_id=participant_id,
        symbol=SYMBOL,
        warehouse="SX1",
        weight_g=9_000_000,
        harvest_date="2026-11-20",
        issued_ns=20,
        expires_ns=30,
    )
    return msgspec.structs.replace(issued, **changed)


VENUE = VenueConfigured(
    profile="open",
    fee_rate_ppm=500,
    fee_minimum_fen=1,
    warehouses=(Warehouse(code="SX1", name_zh="遂溪一号库", name_en="Suixi No. 1"),),
    varieties=(Variety(code="BXJ", name_zh="巴西蕉", name_en="Brazil", green_life_days=21),),
)
TRADE = TradeSettled(
    trade_id=1,
    symbol=SYMBOL,
    price=250,
    quantity=100,
    aggressor_side="buy",
    buy_order_id=2,
    sell_order_id=1,
    buyer_id=TRADER,
    seller_id=GROWER,
    amount_fen=25_000,
    buyer_fee_fen=13,
    seller_fee_fen=13,
    lots=((1, 2, 100),),
)
TRANSFERS = (
    Transfer(transfer_id=3, asset="CNY", debit="participant:3", credit="participant:2", amount=25_000),
    Transfer(transfer_id=4, asset="CNY", debit="participant:3", credit="fees", amount=13),
    Transfer(transfer_id=5, asset="CNY", debit="participant:2", credit="fees", amount=13),
    Transfer(transfer_id=6, asset="LOT-1", debit="participant:2", credit="participant:3", amount=100_000),
)

PEOPLE = (
    ParticipantRegistered(participant_id=OPERATOR, name="operator", display_name="市场", roles=("operator",)),
    ParticipantRegistered(participant_id=GROWER, name="grower", display_name="陈伯", roles=("grower",), obliged=True),
    ParticipantRegistered(participant_id=TRADER, name="trader", display_name="林记", roles=("trader", "analyst")),
)
GROUND = [[*PEOPLE, LotChanged(lot=lot())]]
"""Whom and what other rows name."""

STORY: list[list[Any]] = [
    [VENUE, PEOPLE[0]],
    [PEOPLE[1]],
    [PEOPLE[2]],
    [
        CashDeposited(participant_id=TRADER, amount_fen=1_000_000, reference="ICBC-1"),
        LedgerPosted(
            cause="deposit",
            reference_id=4,
            transfers=(Transfer(transfer_id=1, asset="CNY", debit="bank", credit="participant:3", amount=1_000_000),),
        ),
        BalanceChanged(participant_id=TRADER, asset="CNY", total=1_000_000, reserved=0),
    ],
    [LotChanged(lot=lot())],
    [LotChanged(lot=lot(status="weighed", gross_g=9_200_000, tare_g=200_000, net_g=9_000_000, scale_id="W1"))],
    [RequestRefused(command="weigh_lot", reason="wrong_status")],
    [
        LotChanged(
            lot=lot(
                status="receipted",
                receipt_id=1,
                gross_g=9_200_000,
                tare_g=200_000,
                net_g=9_000_000,
                inspected_grade="1",
            )
        ),
        ReceiptChanged(cause="issued", receipt=receipt()),
        LedgerPosted(
            cause="intake",
            reference_id=1,
            transfers=(
                Transfer(transfer_id=2, asset="LOT-1", debit="warehouse:SX1", credit="participant:2", amount=9_000_000),
            ),
        ),
        BalanceChanged(participant_id=GROWER, asset=SYMBOL, total=9_000_000, reserved=0),
    ],
    [
        OrderAccepted(1, SYMBOL),
        order(1, GROWER, side="sell", sequence=9, lots=((1, 100),)),
        BalanceChanged(participant_id=GROWER, asset=SYMBOL, total=9_000_000, reserved=100_000),
    ],
    [
        OrderAccepted(2, SYMBOL),
        TradeExecuted(1, SYMBOL, 250, 100, 2, 1, "buy"),
        LotsDelivered(trade_id=1, lots=((1, 100),)),
        TRADE,
        LedgerPosted(cause="trade", reference_id=1, transfers=TRANSFERS),
        ReceiptChanged(cause="transferred", receipt=receipt(weight_g=8_900_000)),
        ReceiptChanged(
            cause="transferred", receipt=receipt(2, TRADER, parent_receipt_id=1, weight_g=100_000, issued_ns=100)
        ),
        order(1, GROWER, side="sell", sequence=10, status="filled", filled=100, remaining=0, displayed=0, fee_fen=13),
        order(2, sequence=10, status="filled", filled=100, remaining=0, displayed=0, traded_fen=25_000, fee_fen=13),
        BalanceChanged(participant_id=GROWER, asset="CNY", total=24_987, reserved=0),
        BalanceChanged(participant_id=GROWER, asset=SYMBOL, total=8_900_000, reserved=0),
        BalanceChanged(participant_id=TRADER, asset="CNY", total=974_987, reserved=0),
        BalanceChanged(participant_id=TRADER, asset=SYMBOL, total=100_000, reserved=0),
    ],
]


def batch(first_sequence: int, *commands: Sequence[Any]) -> Batch:
    return Batch(first_sequence, 10 * first_sequence, commands)


def tell(database: Engine, *batches: Batch) -> None:
    with database.begin() as connection:
        project(connection, batches)


@pytest.fixture
def told(database: Engine) -> Iterator[Connection]:
    """A connection to a database that has heard the story in one batch."""
    tell(database, batch(1, *STORY))
    with database.connect() as connection:
        yield connection


def test_a_grower_sells_and_the_trade_is_told_by_its_ledger_entries(told: Connection) -> None:
    entries = queries.ledger_of_cause(told, "trade", 1)
    assert [(each.asset, each.debit, each.credit, each.amount) for each in entries] == [
        ("CNY", "participant:3", "participant:2", 25_000),
        ("CNY", "participant:3", "fees", 13),
        ("CNY", "participant:2", "fees", 13),
        ("LOT-1", "participant:2", "participant:3", 100_000),
    ]
    assert {(each.sequence, each.time_ns) for each in entries} == {(10, 10)}


def test_each_side_sees_its_own_part_of_the_trade(told: Connection) -> None:
    (sold,) = queries.fills(told, GROWER).items
    (bought,) = queries.fills(told, TRADER).items
    assert (sold.order_id, sold.side, sold.lots, sold.fee_fen) == (1, "sell", [(1, 100)], 13)
    assert (bought.order_id, bought.side, bought.lots, bought.fee_fen) == (2, "buy", [(2, 100)], 13)
    assert queries.fills(told, TRADER, order_id=2).items == [bought]
    assert queries.fills(told, TRADER, order_id=1).items == []
    assert queries.fills(told, None).items == [sold, bought]


def test_a_trade_that_was_taken_back_is_marked_on_both_sides(database: Engine) -> None:
    bust = TradeBusted(
        trade=TRADE, traded_sequence=10, traded_ns=100, operator_id=1, reason="a digit too many", lots=((2, 3, 100),)
    )
    tell(database, batch(1, *STORY, [bust]))
    with database.connect() as connection:
        assert [each.busted for each in queries.fills(connection, None).items] == [True, True]
        (told,) = queries.busts(connection).items
        assert (told.trade_id, told.operator_id, told.reason, told.sequence) == (1, 1, "a digit too many", 11)


def test_adjustments_are_told_newest_first(database: Engine) -> None:
    fields: dict[str, Any] = {"operator_id": 1, "debit_id": TRADER, "credit_id": GROWER, "reason": "\0"}
    adjusted = [CashAdjusted(amount_fen=amount, reference=f"case-{amount}", **fields) for amount in (5, 7)]
    tell(database, batch(1, *STORY, *([each] for each in adjusted)))
    with database.connect() as connection:
        page = queries.adjustments(connection, limit=1)
        assert [(each.amount_fen, each.sequence) for each in page.items] == [(7, 12)]
        rest = queries.adjustments(connection, cursor=page.next)
        assert [(each.reference, each.debit_id, each.credit_id) for each in rest.items] == [("case-5", TRADER, GROWER)]


def test_messages_come_back_as_they_were(told: Connection) -> None:
    assert queries.order(told, 2) == STORY[9][8]
    assert queries.order(told, 1) == STORY[9][7]
    assert queries.receipt(told, 1) == receipt(weight_g=8_900_000)
    assert queries.lot(told, 1) == STORY[7][0].lot
    assert queries.participant(told, TRADER) == STORY[2][0]
    assert queries.participant_by_name(told, "grower") == STORY[1][0]
    venue = queries.venue(told)
    assert venue is not None
    assert (venue.profile, venue.fee_rate_ppm, venue.fee_minimum_fen) == ("open", 500, 1)
    assert (venue.warehouses, venue.varieties) == (VENUE.warehouses, VENUE.varieties)


def test_a_live_sell_order_keeps_its_receipts(database: Engine) -> None:
    tell(database, batch(1, *STORY[:9]))
    with database.connect() as connection:
        assert queries.order(connection, 1) == STORY[8][1]


def test_what_is_not_there_is_none(told: Connection) -> None:
    assert queries.order(told, 99) is None
    assert queries.order(told, 2, participant_id=GROWER) is None
    assert queries.order_by_client_id(told, GROWER, "c2") is None
    assert queries.receipt(told, 99) is None
    assert queries.lot(told, 99) is None
    assert queries.participant(told, 99) is None
    assert queries.participant_by_name(told, "nobody") is None
    assert queries.balances(told, 99) == []
    for question in (queries.order, queries.receipt, queries.lot, queries.participant):
        assert question(told, 2**63) is None
        assert question(told, 10**30) is None
        assert question(told, -(10**30)) is None


def test_a_venue_without_a_first_command_has_no_configuration(database: Engine) -> None:
    with database.connect() as connection:
        assert queries.venue(connection) is None


def test_the_latest_configuration_is_in_force(database: Engine) -> None:
    dearer = msgspec.structs.replace(VENUE, fee_rate_ppm=600)
    tell(database, batch(1, [VENUE], [dearer]))
    with database.connect() as connection:
        venue = queries.venue(connection)
        assert venue is not None
        assert venue.fee_rate_ppm == 600


def test_balances_show_cash_first(told: Connection) -> None:
    assert queries.balances(told, TRADER) == [
        BalanceChanged(participant_id=TRADER, asset="CNY", total=974_987, reserved=0),
        BalanceChanged(participant_id=TRADER, asset=SYMBOL, total=100_000, reserved=0),
    ]


def test_a_ledger_shows_what_came_and_what_went(told: Connection) -> None:
    assert [each.transfer_id for each in queries.ledger(told, TRADER).items] == [6, 4, 3, 1]
    assert [each.transfer_id for each in queries.ledger(told, GROWER).items] == [6, 5, 3, 2]
    assert [each.transfer_id for each in queries.ledger(told, None).items] == [6, 5, 4, 3, 2, 1]
    assert [each.transfer_id for each in queries.ledger(told, TRADER, asset="LOT-1").items] == [6]
    assert [each.transfer_id for each in queries.ledger_of_account(told, "fees").items] == [5, 4]


def test_deposits_keep_the_banks_reference(told: Connection) -> None:
    (deposit,) = queries.deposits(told, TRADER).items
    assert (deposit.reference, deposit.amount_fen, deposit.sequence) == ("ICBC-1", 1_000_000, 4)
    assert queries.deposits(told, GROWER).items == []


def test_receipts_are_found_by_holder_warehouse_and_lot(told: Connection) -> None:
    def found(participant_id: int | None, **wanted: Any) -> list[int]:
        return [each.receipt_id for each in queries.receipts(told, participant_id, **wanted).items]

    assert found(TRADER) == [2]
    assert found(None) == [2, 1]
    assert found(None, warehouse="SX1") == [2, 1]
    assert found(None, warehouse="SX2") == []
    assert found(GROWER, symbol=SYMBOL, state="live") == [1]
    assert found(None, lot_id=1) == [2, 1]


def test_a_receipt_that_is_used_up_is_no_longer_live(ground: Engine) -> None:
    states = ("issued", "split", "expired", "delivery_ordered", "delivered")
    tell(
        ground,
        batch(1, [ReceiptChanged(cause="issued", receipt=receipt(n, state=state)) for n, state in enumerate(states)]),
    )
    with ground.connect() as connection:
        live = queries.receipts(connection, GROWER, state="live").items
        assert [each.state for each in live] == ["delivery_ordered", "expired", "issued"]
        assert len(queries.receipts(connection, GROWER).items) == 5


def test_lots_are_found_by_grower_status_and_warehouse(told: Connection) -> None:
    assert [each.lot_id for each in queries.lots(told, GROWER).items] == [1]
    assert [each.lot_id for each in queries.lots(told, None, status="receipted", warehouse="SX1").items] == [1]
    assert queries.lots(told, None, status="announced").items == []
    assert queries.lots(told, TRADER).items == []


def test_orders_are_found_by_status_and_symbol(ground: Engine) -> None:
    statuses = ("accepted", "resting", "partly_filled", "filled", "cancelled", "rejected", "expired")
    tell(ground, batch(1, [order(n, status=status) for n, status in enumerate(statuses)]))
    tell(ground, batch(2, [order(9, symbol="FJ-2-SX2-26W48"), order(10, GROWER)]))
    with ground.connect() as connection:

        def found(participant_id: int | None, **wanted: Any) -> list[int]:
            return [each.order_id for each in queries.orders(connection, participant_id, **wanted).items]

        assert found(TRADER) == [9, 6, 5, 4, 3, 2, 1, 0]
        assert found(TRADER, status="live") == [9, 2, 1, 0]
        assert found(TRADER, status="ended", symbol=SYMBOL) == [6, 5, 4, 3]
        assert found(None, status="live", symbol=SYMBOL) == [10, 2, 1, 0]


def test_a_client_id_that_was_used_again_names_the_newer_order(ground: Engine) -> None:
    tell(ground, batch(1, [order(1, client_order_id="mine"), order(2, client_order_id="mine")]))
    with ground.connect() as connection:
        found = queries.order_by_client_id(connection, TRADER, "mine")
        assert found is not None
        assert found.order_id == 2


def test_pages_go_on_where_the_last_one_ended_while_rows_are_added(ground: Engine) -> None:
    tell(ground, batch(1, [order(n) for n in range(1, 8)]))
    with ground.connect() as connection:
        first = queries.orders(connection, TRADER, limit=3)
    tell(ground, batch(2, [order(8)]))
    with ground.connect() as connection:
        second = queries.orders(connection, TRADER, limit=3, cursor=first.next)
        third = queries.orders(connection, TRADER, limit=3, cursor=second.next)
    pages = [[each.order_id for each in page.items] for page in (first, second, third)]
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]
    assert third.next is None


def test_a_page_that_is_just_full_has_no_next(ground: Engine) -> None:
    tell(ground, batch(1, [order(n) for n in range(1, 4)]))
    with ground.connect() as connection:
        assert queries.orders(connection, TRADER, limit=3).next is None


def test_every_list_can_be_walked_one_item_at_a_time(told: Connection) -> None:
    def walk(query: Any, *arguments: Any) -> list[Any]:
        found, cursor = [], None
        while True:
            page = query(told, *arguments, limit=1, cursor=cursor)
            found += page.items
            if page.next is None:
                return found
            cursor = page.next

    for query, arguments in (
        (queries.orders, (None,)),
        (queries.fills, (None,)),
        (queries.ledger, (None,)),
        (queries.ledger, (TRADER,)),
        (queries.deposits, (None,)),
        (queries.receipts, (None,)),
        (queries.lots, (None,)),
        (queries.participants, ()),
    ):
        whole = query(told, *arguments).items
        assert whole
        assert walk(query, *arguments) == whole


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9223372036854775808", "9" * 400, "²", "1-buy-2", "1-", "\0"])
def test_a_cursor_that_no_page_gave_is_refused(told: Connection, cursor: str) -> None:
    for query in (queries.orders, queries.fills, queries.ledger, queries.receipts, queries.lots, queries.deposits):
        with pytest.raises(InvalidCursor):
            query(told, TRADER, cursor=cursor)


def test_what_no_database_keeps_is_made_fit(ground: Engine) -> None:
    """A rejected order shows what was asked for: a NUL in a name, a quantity of more than 63 bits."""
    strange = order(
        1, client_order_id="a\0b", symbol="?\0?", quantity=2**64 - 1, price=-(2**63), status="rejected", remaining=0
    )
    tell(ground, batch(1, [strange], [LotChanged(lot=lot(town="城\0月"))]))
    with ground.connect() as connection:
        found = queries.order_by_client_id(connection, TRADER, "a\0b")
        assert found is not None
        assert (found.client_order_id, found.symbol) == ("a\N{REPLACEMENT CHARACTER}b", "?\N{REPLACEMENT CHARACTER}?")
        assert (found.quantity, found.price) == (2**63 - 1, -(2**63))
        assert queries.orders(connection, TRADER, symbol="?\0?").items == [found]
        assert queries.participant_by_name(connection, "\0") is None
        assert [each.town for each in queries.lots(connection, None).items] == ["城\N{REPLACEMENT CHARACTER}月"]


def test_the_largest_amounts_are_kept_exactly(ground: Engine) -> None:
    most = 2**63 - 1
    tell(ground, batch(1, [BalanceChanged(participant_id=1, asset="CNY", total=most, reserved=most)]))
    with ground.connect() as connection:
        (balance,) = queries.balances(connection, 1)
        assert (balance.total, balance.reserved) == (most, most)


def test_a_trade_that_is_projected_twice_is_refused(database: Engine) -> None:
    tell(database, batch(1, *STORY))
    with pytest.raises(IntegrityError):
        tell(database, batch(10, STORY[9]))


# However the journal is cut into transactions, the rows are the same.

some_ids = st.integers(1, 3)
some_events = st.one_of(
    st.builds(order, some_ids, status=st.sampled_from(["resting", "filled"]), quantity=st.integers(1, 9)),
    st.builds(
        BalanceChanged,
        participant_id=some_ids,
        asset=st.sampled_from(["CNY", SYMBOL]),
        total=st.integers(0, 9),
        reserved=st.just(0),
    ),
    st.builds(ReceiptChanged, cause=st.just("issued"), receipt=st.builds(receipt, some_ids, some_ids)),
    st.builds(LotChanged, lot=st.builds(lot, some_ids, cartons=st.integers(1, 9))),
)


def rows(connection: Connection) -> dict[str, list[Any]]:
    return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in metadata.sorted_tables}


def empty(connection: Connection) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(commands=st.lists(st.lists(some_events, max_size=4), min_size=1, max_size=12), cuts=st.sets(st.integers(1, 11)))
def test_rows_do_not_depend_on_how_batches_are_taken_together(
    database: Engine, commands: list[list[Any]], cuts: set[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(commands)), len(commands)]
    batches = [batch(start + 1, *commands[start:end]) for start, end in pairwise(edges) if start < end]
    with database.begin() as connection:
        project(connection, [batch(1, *GROUND), *batches])
        together = rows(connection)
        empty(connection)
        for one in [batch(1, *GROUND), *batches]:
            project(connection, [one])
        assert rows(connection) == together
        empty(connection)
