"""Files of the public history over HTTP."""

import csv
import io
from typing import Any

import pyarrow.parquet
import pytest

from exchange.datasets import DATASETS
from tests.web.local_gateway import MONDAY_NS
from tests.web.office import SYMBOL, Office, buy, get, post, problem, sell
from web.ports import ExportFailed, ExportsBusy


async def traded(office: Office) -> None:
    await office.stock(1000)
    await post(await office.as_("grower"), "orders", sell("s", 10, 250), 201)
    await post(await office.as_("trader"), "orders", buy("b", 4, 250), 201)


async def file(office: Office, name: str, **wanted: Any) -> Any:
    return await office.anyone.get(f"/api/v1/exports/{name}", params=wanted)


async def test_what_can_be_exported_is_listed_with_its_columns(office: Office) -> None:
    items = (await get(office.anyone, "exports"))["items"]
    assert [each["name"] for each in items] == list(DATASETS)
    assert items[0]["filters"] == ["symbol", "from", "to"]
    assert items[0]["columns"][0] == {"name": "trade_id", "kind": "integer"}


async def test_a_dataset_comes_as_csv_and_as_parquet(office: Office) -> None:
    await traded(office)
    answer = await file(office, "trades.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="trades.csv"'
    assert int(answer.headers["exchange-sequence"]) == office.gateway.sequence
    (line,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (line["symbol"], line["price"], line["time_ns"]) == (SYMBOL, "250", str(MONDAY_NS))
    assert line["time"] == "2026-11-23T10:00:00.000000000+08:00"
    answer = await file(office, "candles.parquet", interval="1h", symbol=SYMBOL)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    (row,) = pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    assert (row["open"], row["volume"], row["turnover_fen"], row["start_ns"]) == (250, 4, 1_000, MONDAY_NS)
    nothing = await file(office, "trades.csv", to="2026-11-23")
    assert nothing.text.splitlines()[1:] == []


@pytest.mark.parametrize(
    ("name", "wanted", "status", "code", "field"),
    [
        ("gossip.csv", {}, 404, "unknown_dataset", "file"),
        ("trades.xlsx", {}, 404, "unknown_dataset", "file"),
        ("trades", {}, 404, "unknown_dataset", "file"),
        ("trades.csv", {"interval": "1m"}, 400, "invalid_request", "interval"),
        ("trades.csv", {"from": "yesterday"}, 400, "invalid_request", "from"),
        ("trades.csv", {"to": "2026-11-23T10:00:00"}, 400, "invalid_request", "to"),
        ("books.csv", {"every": 0}, 400, "invalid_request", "every"),
        ("trades.csv", {"min_sequence": 10**9}, 503, "view_behind", None),
    ],
)
async def test_what_is_no_dataset_or_no_filter_is_named(
    office: Office, name: str, wanted: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    problem(await file(office, name, **wanted), status, code, field)


async def test_a_venue_that_is_busy_or_cannot_says_so_before_the_file_begins(office: Office) -> None:
    office.gateway.export_refused = ExportsBusy()
    busy = await file(office, "trades.csv")
    problem(busy, 503, "busy")
    assert busy.headers["retry-after"] == "10"
    office.gateway.export_refused = ExportFailed("secret host unreachable")
    failed = await file(office, "trades.csv")
    problem(failed, 503, "history_unavailable")
    assert "secret" not in failed.text
