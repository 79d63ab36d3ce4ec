"""The cells of days by origin and by region, the same on SQLite and on PostgreSQL."""

import pytest
from sqlalchemy import insert

from exchange.database import connect, upgrade
from settlement.tables import daily_trading, participants
from web.disclosure import OTHER, UNREGISTERED, Kind, disclosed_cells
from web.regions import regions_of, set_region
from web.tables import participant_regions

SELLERS, BUYERS = range(1, 7), range(11, 17)


def trade(day: int, town: str, seller_id: int, buyer_id: int, volume: int) -> dict[str, object]:
    goods = {"variety": "BXJ", "grade": "1", "warehouse": "SX1"}
    about = {"day": day, "town": town, "seller_id": seller_id, "buyer_id": buyer_id}
    return {**goods, **about, "volume": volume, "turnover_fen": 250 * volume, "trades": 1}


def three(day: int, town: str, first: int, volume: int) -> list[dict[str, object]]:
    """Three growers of a town and three buyers."""
    return [trade(day, town, first + at, 11 + at, volume) for at in range(3)]


TRADES = [
    # Day 1: two towns with three growers each, one with one: that alone would be one grower's, so another joins it.
    *three(1, "岭北镇", 1, 100),
    *three(1, "城月镇", 4, 10),
    trade(1, "河头镇", 6, 14, 7),
    # Day 2: three towns with one grower each are three growers together.
    *(trade(2, town, 1 + at, 11 + at, 5) for at, town in enumerate(("河头镇", "江洪镇", "草潭镇"))),
    *three(2, "岭北镇", 1, 100),
    # Day 3: three growers sell to two buyers, and nobody else is there.
    *(trade(3, "岭北镇", 1 + at, 11 + at % 2, 100) for at in range(3)),
    # Day 4: what a grower calls 其他 is never told by itself.
    *three(4, OTHER, 1, 8),
    *three(4, "岭北镇", 4, 100),
]


def test_cells_stand_alone_or_are_told_together(database_url: str) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        people = [
            {"participant_id": each, "name": f"p{each}", "display_name": "P", "roles": [], "obliged": False}
            for each in (*SELLERS, *BUYERS)
        ]
        connection.execute(insert(participants), people)
        connection.execute(insert(daily_trading), TRADES)
        for buyer_id in (11, 12, 13):
            set_region(connection, buyer_id, "广东湛江", 1, 1)
        set_region(connection, 12, "北京", 2, 2)
        set_region(connection, 12, "广东湛江", 4, 3)

        def told(kind: Kind) -> list[str]:
            return [
                f"{cell.day} {cell.key} {cell.figures.volume} {cell.figures.trades}{' other' if cell.other else ''}"
                for cell in disclosed_cells(connection, kind, 1, 9)
            ]

        assert told("origin") == [
            "1 岭北镇 300 3",
            "1 其他 37 4 other",
            "2 岭北镇 300 3",
            "2 其他 15 3 other",
            "3 其他 300 3 other",
            "4 岭北镇 300 3",
            "4 其他 24 3 other",
        ]
        assert told("buyer_region") == [
            "1 其他 337 7 other",  # one buyer without a region, whom the three others join
            "2 其他 315 6 other",
            "3 其他 300 3 other",
            "4 广东湛江 324 6",
        ]
        assert disclosed_cells(connection, "origin", 5, 9) == []
    engine.dispose()


@pytest.mark.parametrize("region", ["广东湛江", None])
def test_who_says_the_same_again_says_nothing(database_url: str, region: str | None) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    with engine.begin() as connection:
        for day, said in ((1, region), (2, region), (3, "北京"), (3, region)):
            set_region(connection, 7, said, day, day)
        rows = connection.execute(participant_regions.select()).all()
        assert [(row.since_day, row.region) for row in rows] == ([] if region is None else [(1, region)])
        assert regions_of(connection, [7]) == ({} if region is None else {7: region})
        assert UNREGISTERED not in regions_of(connection, [7]).values()
    engine.dispose()
