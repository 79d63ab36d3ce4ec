"""Nobody finds a participant in the statistics by origin and buyer region, whatever he asks for and subtracts.

The attacker knows every answer of every span that can be asked for, and the tape. He takes answers off each other and
looks whether something is left that one participant, or two, have traded. Against a rule that looks at each answer by
itself he finds many.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations
from random import Random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import insert

from settlement.civil import iso_date, venue_day
from settlement.tables import daily_trading
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import Office, get, problem
from web.disclosure import MINIMUM_PARTICIPANTS, OTHER
from web.regions import set_region
from web.tables import participant_regions

DAY_NS = 86_400 * 10**9
TODAY = venue_day(MONDAY_NS)
FIRST, LAST = TODAY - 9, TODAY - 2
"""The days that are told."""
TOWNS = ("遂城镇", "黄略镇", "洋青镇", "界炮镇", "城月镇", OTHER)
REGIONS = ("广东湛江", "广东广州", "北京", "上海", None)


MOVED: dict[str, Any] = {"region": "海南海口", "since_day": TODAY, "now_ns": MONDAY_NS}


class Trade(NamedTuple):
    day: int
    town: str
    region: str
    seller_id: int
    buyer_id: int
    volume: int


Answers = dict[tuple[str, int, int], int]
"""Kilograms by key and the first and the last day of the span."""


def some_days(seed: int) -> list[Trade]:
    """Some towns have many growers, some one or two; some days are quiet. Volumes are large, so that none is another's
    by chance."""
    dice = Random(seed)
    trades = []
    for day in range(FIRST, TODAY + 1):
        for town in TOWNS:
            growers = dice.choice((0, 1, 1, 2, 3, 5))
            for seller in dice.sample(range(1, 8), growers):
                for buyer in dice.sample(range(20), dice.choice((1, 1, 2, 4))):
                    seller_id = 100 * (1 + TOWNS.index(town)) + seller
                    region = REGIONS[buyer % len(REGIONS)] or "未登记"
                    trades.append(Trade(day, town, region, seller_id, 1000 + buyer, dice.randrange(10**6, 10**9)))
    return trades


def secrets(trades: Iterable[Trade], key: Callable[[Trade], str]) -> dict[int, str]:
    """What one participant, or two of one side, have traded in a cell of any span: the kilograms, and whose they are.

    What they traded of a whole day, with nobody else there, is on the tape.
    """
    found: dict[int, str] = {}
    spans = [(first, last) for first in range(FIRST, LAST + 1) for last in range(first, LAST + 1)]
    for side in ("seller_id", "buyer_id"):
        for first, last in spans:
            among = [trade for trade in trades if first <= trade.day <= last]
            cells: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
            for trade in among:
                for cell in (key(trade), OTHER, "all"):
                    cells[cell][getattr(trade, side)] += trade.volume
            for cell, own in cells.items():
                for who in [*combinations(own, 1), *combinations(own, 2)]:
                    if cell != "all" or len(own) > 2:
                        found[sum(own[one] for one in who)] = f"{side} {who} in {cell}, {first} to {last}"
    return found


def attack(answers: Answers, whole: dict[tuple[int, int], int]) -> set[int]:
    """All that is left when answers, and what the tape says of all, are taken off each other."""
    left = set(answers.values())
    by_key: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    for (key, first, last), volume in answers.items():
        by_key[key][first, last] = volume
    for told in [*by_key.values(), whole]:
        for (first, last), volume in told.items():
            inner = [(start, end) for start, end in told if first <= start and end <= last]
            left |= {volume - told[span] for span in inner}
            # Both ends are taken off, and what lies between two spans.
            left |= {
                volume - told[one] - told[two]
                for one, two in combinations(inner, 2)
                if one[1] < two[0] or two[1] < one[0]
            }
    for span, volume in whole.items():
        others = [told[span] for told in by_key.values() if span in told]
        left |= {volume - other for other in others}
        left.add(volume - sum(others))
    return left - {0}


def totals(trades: Iterable[Trade]) -> dict[tuple[int, int], int]:
    return {
        (first, last): sum(trade.volume for trade in trades if first <= trade.day <= last)
        for first in range(FIRST, LAST + 1)
        for last in range(first, LAST + 1)
    }


async def put(office: Office, trades: Iterable[Trade]) -> None:
    goods = {"variety": "BXJ", "grade": "1", "warehouse": "SX1"}
    rows = [
        {
            **goods,
            "day": each.day,
            "town": each.town,
            "seller_id": each.seller_id,
            "buyer_id": each.buyer_id,
            "volume": each.volume,
            "turnover_fen": 250 * each.volume,
            "trades": 1,
        }
        for each in trades
    ]
    regions = [
        {"participant_id": 1000 + buyer, "since_day": 1, "region": region, "changed_ns": 1}
        for buyer in range(20)
        if (region := REGIONS[buyer % len(REGIONS)]) is not None
    ]
    await office.gateway.own_records(lambda connection: connection.execute(insert(daily_trading), rows))
    await office.gateway.own_records(lambda connection: connection.execute(insert(participant_regions), regions))


async def asked(office: Office, dimension: str) -> Answers:
    """Every span, by the table, and every day, by the series."""
    answers: Answers = {}
    for first, last in totals(()):
        dates = {"from_date": iso_date(first), "to_date": iso_date(last)}
        table = await get(office.anyone, f"statistics/{dimension}", **dates)
        answers |= {(row["key"], first, last): row["volume"] for row in table["items"]}
    dates = {"from_date": iso_date(FIRST), "to_date": iso_date(TODAY + 5)}
    series = await get(office.anyone, f"statistics/{dimension}/days", limit=1000, **dates)
    days = {iso_date(day): day for day in range(FIRST, TODAY + 1)}
    for row in series["items"]:
        day = days[row["date"]]
        assert answers[row["key"], day, day] == row["volume"]
        assert day <= LAST
    return answers


@pytest.mark.parametrize(("dimension", "key"), [("origins", "town"), ("buyer-regions", "region")])
async def test_an_attacker_finds_nobody(office: Office, dimension: str, key: str) -> None:
    trades = some_days(7)
    await put(office, trades)
    answers = await asked(office, dimension)
    hidden = secrets(trades, lambda trade: str(getattr(trade, key)))
    found = attack(answers, totals(trades))
    assert len(answers) > 60
    assert len({each for each, _, _ in answers} - {OTHER}) >= 4, "most is told all the same"
    assert [hidden[volume] for volume in found & hidden.keys()] == []


def test_the_same_attacker_finds_many_where_each_answer_is_looked_at_alone() -> None:
    trades = some_days(7)
    naive: Answers = {}
    for first, last in totals(()):
        for town in TOWNS:
            among = [trade for trade in trades if trade.town == town and first <= trade.day <= last]
            people = ({trade.seller_id for trade in among}, {trade.buyer_id for trade in among})
            if min(map(len, people)) >= MINIMUM_PARTICIPANTS:
                naive[town, first, last] = sum(trade.volume for trade in among)
    hidden = secrets(trades, lambda trade: trade.town)
    assert len(attack(naive, totals(trades)) & hidden.keys()) > 20


async def test_what_was_told_stays_whatever_happens_later(office: Office) -> None:
    """Who asks every day, and takes yesterday's answers off today's, is left with nothing."""
    trades = some_days(3)
    await put(office, trades)
    before = {dimension: await asked(office, dimension) for dimension in ("origins", "buyer-regions")}
    for buyer_id in (1000, 1007, 1014):  # whoever moves does so from today on
        await office.gateway.own_records(partial(set_region, participant_id=buyer_id, **MOVED))
    await office.gateway.set_clock(MONDAY_NS + 20 * DAY_NS)
    fresh = await Office().open()  # one that has kept nothing in memory
    try:
        await put(fresh, trades)
        for buyer_id in (1000, 1007, 1014):
            await fresh.gateway.own_records(partial(set_region, participant_id=buyer_id, **MOVED))
        await fresh.gateway.set_clock(MONDAY_NS + 20 * DAY_NS)
        for dimension, told in before.items():
            for asked_now in (office, fresh):
                first, last = FIRST, LAST
                dates = {"from_date": iso_date(first), "to_date": iso_date(last)}
                table = await get(asked_now.anyone, f"statistics/{dimension}", **dates)
                now = {(row["key"], first, last): row["volume"] for row in table["items"]}
                assert now == {key: volume for key, volume in told.items() if key[1:] == (first, last)}
    finally:
        await fresh.close()


async def test_a_day_that_can_still_change_is_not_told(office: Office) -> None:
    await put(office, some_days(5))
    for dimension in ("origins", "buyer-regions"):
        table = await get(office.anyone, f"statistics/{dimension}", period="day", date=iso_date(TODAY - 1))
        assert (table["items"], table["through"], table["total"]["volume"]) == ([], None, 0)
        newest = await get(office.anyone, f"statistics/{dimension}", period="day")
        assert newest["from_date"] == newest["through"] == iso_date(TODAY - 2)
    await office.gateway.set_clock(MONDAY_NS + 14 * 3_600 * 10**9)  # midnight
    assert (await get(office.anyone, "statistics"))["disclosed_through"] == iso_date(TODAY - 1)


async def test_origins_cannot_be_asked_for_by_goods(office: Office) -> None:
    for name in ("variety", "grade", "warehouse"):
        for path in ("origins", "origins/days", "buyer-regions/table.csv", "buyer-regions/days.csv"):
            answer = await office.anyone.get(f"/api/v1/statistics/{path}", params={name: "BXJ"})
            problem(answer, 400, "invalid_request", name)
