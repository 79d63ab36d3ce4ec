"""Days of a venue with everything in them, as a journal and as a database."""

from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

from exchange.database import connect
from exchange.engine import Engine
from exchange.journal import seal
from exchange.projector import Projector
from exchange.protocol import Entry
from exchange.replay import run_batch
from exchange.sqlite_journal import SqliteJournal
from matching.messages import AcceptCounter, CancelOrder
from settlement.messages import TradeSettled
from settlement.messages.treasury import RequestWithdrawal
from tests.databases import with_tables
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, WANG, Floor


def a_day_of_trading(seed: int) -> Floor:
    """Lots, deposits, some hundred random orders, amendments and cancels, a delivery, a lot that is never weighed; then
    days pass, so that orders, lot and receipts expire, a last few orders live on, and somebody wants money out."""
    dice = Random(seed)
    floor = Floor(fee_minimum_fen=30)
    for participant_id in (LI, WANG):
        floor.deposit(participant_id, 40_000_000)
    floor.receipt(CHEN, 9_000_700)
    floor.receipt(CHEN, 4_000_000, grade="2")
    floor.announce(CHEN, variety="FJ")
    trade_at_random(floor, dice, 250)
    fetched = floor.receipt(CHEN, 1_500_000, grade="E")
    floor.order_delivery(CHEN, fetched)
    floor.load_out(fetched)
    trade_without_a_book(floor)
    floor.buy(LI, 10, 100, time_in_force="gtd", expires_ns=floor.time_ns + HOUR_NS)
    floor.wait_until(floor.time_ns + 30 * DAY_NS)
    floor.receipt(CHEN, 3_000_000, harvest_date="2026-12-20")
    floor.announce(CHEN, variety="FJ", harvest_date="2026-12-20")
    trades = trade_at_random(floor, dice, 60, symbol="BXJ-1-SX1-26W51")
    for trade_id in reversed(trades):
        floor.bust(trade_id)  # As far as the goods have not gone on.
    floor.adjust(LI, CHEN, 500)
    floor.sell(CHEN, 5, 300, symbol="BXJ-1-SX1-26W51")
    payee = {"payee_name": "Li", "payee_bank": "ICBC", "payee_account": "6222"}
    floor.do(RequestWithdrawal(participant_id=LI, client_reference="rent", amount_fen=12_345, **payee))
    return floor


def trade_without_a_book(floor: Floor) -> None:
    """Under the Chinese profile: what the first receipt opens as a listing, an auction and a report."""
    floor.configure(profile="cn-spot", fee_minimum_fen=30)
    listed, auctioned, reported = (f"BXJ-{grade}-SX2-26W47" for grade in "E12")
    floor.define(auctioned, mode="one_way_auction")
    floor.define(reported, mode="negotiated")
    for grade in "E12":
        floor.receipt(CHEN, 2_000_000, grade=grade, warehouse="SX2")
    receipts = {receipt.symbol: receipt.receipt_id for receipt in floor.engine.receipts(CHEN)}
    listing = floor.list_lot(CHEN, 1_000, 250, symbol=listed, receipt_id=receipts[listed])
    floor.take(LI, listing.order_id, 300)
    counter = floor.counter(WANG, listing.order_id, 200, 240)
    floor.do(AcceptCounter(counter.order_id, CHEN))
    auction = floor.auction(CHEN, 500, 200, symbol=auctioned, receipt_id=receipts[auctioned])
    for who, price in ((LI, 200), (WANG, 220)):
        floor.bid(who, auction.order_id, price)
    floor.wait_until(floor.time_ns + HOUR_NS)
    report = floor.report(CHEN, LI, "sell", 400, 250, symbol=reported)
    floor.confirm(LI, report.order_id)
    floor.report(CHEN, LI, "sell", 400, 250, symbol=reported)
    floor.configure(fee_minimum_fen=30)


def trade_at_random(floor: Floor, dice: Random, orders: int, **fields: Any) -> list[int]:
    """The trades that came of it."""
    placed, trades = [], []
    for _ in range(orders):
        floor.time_ns += dice.randrange(120) * 10**9
        chance = dice.random()
        if placed and chance < 0.1:
            order = placed.pop(dice.randrange(len(placed)))
            floor.do(CancelOrder(order.order_id, order.participant_id))
        elif placed and chance < 0.2:
            floor.amend(dice.choice(placed), quantity=dice.randrange(1, 900))
        else:
            changes = dict(fields)
            if chance < 0.4:
                changes["time_in_force"] = dice.choice(("ioc", "fok", "day"))
            elif chance < 0.5:
                changes |= {"time_in_force": "gtd", "expires_ns": floor.time_ns + HOUR_NS}
            who, side = dice.choice((CHEN, LI, WANG)), dice.choice(("buy", "sell"))
            placed.append(floor.enter(who, side, dice.randrange(1, 400), dice.randrange(240, 262), **changes))
        trades += [trade.trade_id for trade in floor.all(TradeSettled)]
    return trades


def journal_of(floor: Floor, path: Path) -> SqliteJournal:
    """What a venue would have written: commands of one time make a batch, every fifth carries the state's hash."""
    journal = SqliteJournal(path, venue_id="suixi", created_ns=1)
    engine = Engine()
    for time_ns, group in groupby(floor.commands, key=lambda command: command[1]):
        commands = tuple(command for command, _ in group)
        tip = journal.tip()
        first = tip.sequence + 1
        entry = Entry(
            first_sequence=first,
            time_ns=time_ns,
            commands=commands,
            events=run_batch(engine, commands, first, time_ns),
        )
        journal.append(seal(entry, tip.chain, engine.state_hash() if first % 5 == 0 else None))
    return journal


def project(journal: SqliteJournal, url: str, up_to: int | None = None) -> None:
    with_tables(url)
    database = connect(url)
    projector = Projector(database, journal)
    projector.start()
    for reached in projector.advance():
        if up_to is not None and reached >= up_to:
            break
    database.dispose()
