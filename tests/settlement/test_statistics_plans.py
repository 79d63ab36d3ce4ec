"""Statistics and price series are read by keys: no question reads more days, or more of a series, than it is about."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from exchange.database import connect, upgrade
from settlement.queries import statistics
from web import price_records
from web.disclosure import disclosed_cells
from web.regions import regions_of

QUESTIONS: dict[str, tuple[Callable[[Connection], Any], str]] = {
    "a table of goods": (lambda c: statistics.traded(c, 1, 9, "grade"), "pk_daily_totals"),
    "goods by day": (lambda c: statistics.traded_by_day(c, 1, 9, "variety"), "pk_daily_totals"),
    "all totals": (lambda c: list(statistics.daily_totals(c, 1, 9)), "pk_daily_totals"),
    "the first and the last day": (statistics.days_traded, "pk_daily_totals"),
    "the newest posting": (statistics.last_posting_ns, "pk_transfers"),
    "cells by origin": (lambda c: disclosed_cells(c, "origin", 1, 9), "pk_daily_trading"),
    "cells by region": (lambda c: disclosed_cells(c, "buyer_region", 1, 9), "pk_daily_trading"),
    "the regions of some": (lambda c: regions_of(c, [1, 2]), "pk_participant_regions"),
    "a series": (lambda c: price_records.series(c, 1), "pk_price_series"),
    "series": (partial(price_records.series_list, after=1, limit=9), "pk_price_series"),
    "series of a source": (
        partial(price_records.series_list, source="S", limit=9),
        "uq_price_series_source_origin_currency_unit",
    ),
    "prices of a series": (lambda c: price_records.price_list(c, 1, before=9, limit=9), "pk_prices"),
    "imports": (lambda c: price_records.imports(c, before=9, limit=9), "pk_price_imports"),
    "rejects of an import": (lambda c: price_records.rejects(c, 1, after=1, limit=9), "pk_price_rejects"),
}

AS_GOOD = {"series of a source": "pk_price_series"}
"""In the order of the key, those of other sources passed over: there are few series of a source, and few sources."""


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from made(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'exchange.sqlite'}")


@pytest.fixture(scope="module")
def postgresql(postgres_server: Any) -> Iterator[Engine]:
    name = postgres_server.create()
    yield from made(postgres_server.url(name))
    postgres_server.drop(name)


def made(url: str) -> Iterator[Engine]:
    upgrade(url)
    engine = connect(url)
    yield engine
    engine.dispose()


def asked(engine: Engine, connection: Connection, question: Callable[[Connection], Any]) -> list[tuple[str, Any]]:
    """The statements of a question; where nothing is found, further ones are not asked."""
    found: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        question(connection)
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    assert found
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_sqlite_searches_by_the_key(sqlite: Engine, name: str) -> None:
    question, index = QUESTIONS[name]
    automatic = [re.sub(r"^(pk|uq)_", "sqlite_autoindex_", each) for each in (index, AS_GOOD.get(name, index))]
    keys = ("USING PRIMARY KEY", "USING INTEGER PRIMARY KEY", *(f" INDEX {each}" for each in automatic))
    with sqlite.connect() as connection:
        for statement, parameters in asked(sqlite, connection, question):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plan = [str(row[3]) for row in rows]
            # The ends of a table without row numbers are found by its key, which is the table.
            ends = name == "the first and the last day" and plan == ["SCAN daily_totals"]
            assert ends or any(key in step for step in plan for key in keys), plan
            for step in plan:
                whole = re.match(r"SCAN (?!CONSTANT|anon_|\()", step) and "USING" not in step
                assert ends or not whole, plan


@pytest.mark.parametrize("name", QUESTIONS)
def test_postgresql_searches_by_the_key(postgresql: Engine, name: str) -> None:
    question, index = QUESTIONS[name]
    with postgresql.connect() as connection:
        for setting in ("seqscan", "bitmapscan"):
            connection.exec_driver_sql(f"SET LOCAL enable_{setting} = off")
        for statement, parameters in asked(postgresql, connection, question):
            plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()
            nodes = list(nodes_of(plan[0]["Plan"]))
            named = {node.get("Index Name") for node in nodes}
            assert named & {index, AS_GOOD.get(name, index)}, nodes
            assert "Seq Scan" not in {node["Node Type"] for node in nodes}, nodes


def nodes_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from nodes_of(inner)
