"""A logger's file is read however its program writes it, and what cannot be read is told by the line."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.messages.climate import MAXIMUM_READINGS
from web.errors import InvalidRequest
from web.readings_csv import ReadRow, read_readings

NINE = 1_795_395_600 * 10**9
"""2026-11-23 09:00 in Suixi."""


def rows(text: str | bytes, logger_id: str | None = "A", warehouse: str | None = "SX1") -> list[ReadRow]:
    return read_readings(text if isinstance(text, bytes) else text.encode(), logger_id, warehouse).rows


def faults(
    text: str | bytes, logger_id: str | None = "A", warehouse: str | None = "SX1"
) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidRequest) as caught:
        rows(text, logger_id, warehouse)
    return [(fault.field, fault.detail) for fault in caught.value.errors]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-23 09:00:00", NINE),
        ("2026/11/23 9:00", NINE),
        ("2026-11-23T09:00:00+08:00", NINE),
        ("2026-11-23T01:00:00Z", NINE),
        ("2026-11-22T20:00:00-0500", NINE),
        ("2026-11-23 09:00:00.25", NINE + 250_000_000),
        ("2026-11-23", NINE - 9 * 3_600 * 10**9),
        ("1795395600", NINE),
        ("1795395600.5", NINE + 500_000_000),
        ("1795395600000", NINE),
        ("1795395600000000000", NINE),
    ],
)
def test_times_are_read_as_they_are_written(time: str, expected: int) -> None:
    assert rows(f"time,temperature\n{time},13.4\n") == [ReadRow(2, expected, 134, None)]


@pytest.mark.parametrize(
    "time",
    ["", "noon", "2026-02-30", "2026-11-23 24:00", "2026-11-23T09:00:00+25:00", "-5", "17953956000.0.0", "9" * 19],
)
def test_what_is_no_time_is_told(time: str) -> None:
    ((field, detail),) = faults(f"time,temperature\n{time},13.4\n")
    assert field == "line 2"
    assert "no time" in detail


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("13.4", 134),
        ("13.44", 134),
        ("13.45", 135),
        ("-0.05", -1),
        ("-0.04", 0),
        ("14", 140),
        ("+14.0 ℃", 140),
        ("14°C", 140),
    ],
)
def test_degrees_are_rounded_to_a_tenth(cell: str, expected: int) -> None:
    assert rows(f"time,temp\n1795395600,{cell}\n")[0].temperature_dc == expected


def test_columns_in_tenths_are_taken_as_they_are() -> None:
    text = "time_ns,temperature_dc,humidity_permille\n1795395600000000000,138,925\n"
    assert rows(text) == [ReadRow(2, NINE, 138, 925)]


def test_semicolons_tabs_and_decimal_commas() -> None:
    assert rows("Zeit;time;temperature\nx;1795395600;13,4\n")[0].temperature_dc == 134
    assert rows("time\ttemperature\thumidity\n1795395600\t13.4\t92.5%\n") == [ReadRow(2, NINE, 134, 925)]


def test_other_encodings_and_a_mark_in_front() -> None:
    text = "时间,温度(℃)\n2026-11-23 09:00,13.4\n"
    for content in (text.encode("gb18030"), text.encode("utf-8-sig"), text.encode("utf-16")):
        assert rows(content) == [ReadRow(2, NINE, 134, None)]
    ((_, detail),) = faults(b"time,temperature\n\xff,13.4\n")
    assert "neither UTF-8 nor GB 18030" in detail


def test_the_newest_may_come_first() -> None:
    text = "time,temperature\n1795395602,13.4\n1795395601,13.5\n1795395600,13.6\n"
    assert [row.line for row in rows(text)] == [4, 3, 2]
    mixed = "time,temperature\n1795395602,13.4\n1795395600,13.5\n1795395601,13.6\n"
    assert [row.line for row in rows(mixed)] == [2, 3, 4], "order is for the rules to refuse"


def test_logger_and_warehouse_are_columns_or_parameters_and_one_of_each() -> None:
    text = "logger,warehouse,time,value\nA,SX1,1795395600,13.4\nA,SX1,1795395601,13.4\n"
    assert read_readings(text.encode(), None, None)[:2] == ("A", "SX1")
    assert len(faults("time,value\n1795395600,13.4\n", None, None)) == 2
    ((field, _),) = faults(text, "B")[:1]
    assert field == "line 2"
    ((field, _),) = faults(text.replace("A,SX1,1795395601", "B,SX1,1795395601"), None, None)
    assert field == "line 3"


@pytest.mark.parametrize(
    "text",
    [
        "time,when,temperature\n",
        "temperature\n13\n",
        "time,time,temperature\n1795395600,1795395600,13\n",
        "time,temperature\n",
        "time,temperature\n1795395600,\n",
        "time,temperature\n1795395600,61\n",
        "time,temperature,humidity\n1795395600,13,101\n",
        'time,temperature\n"1795395600,13\n',
        "\n\n",
    ],
)
def test_files_that_are_none(text: str) -> None:
    assert faults(text)


def test_too_many_readings_are_too_many() -> None:
    lines = [f"{1_795_300_000 + at},13.4" for at in range(MAXIMUM_READINGS + 1)]
    text = "time,temperature\n" + "\n".join(lines)
    ((field, detail),) = faults(text)
    assert field == f"line {MAXIMUM_READINGS + 2}"
    assert str(MAXIMUM_READINGS) in detail


@given(st.binary(max_size=400))
def test_whatever_comes_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        assert read_readings(content, "A", "SX1").rows


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(-500, 600), st.none() | st.integers(0, 1_000)), min_size=1)
)
def test_what_was_written_in_tenths_is_read_back(written: list[tuple[int, int, int | None]]) -> None:
    lines = [
        f"{seconds},{'-' if dc < 0 else ''}{abs(dc) // 10}.{abs(dc) % 10},"
        + ("" if permille is None else f"{permille // 10}.{permille % 10}")
        for seconds, dc, permille in written
    ]
    found = rows("timestamp,temperature,humidity\n" + "\n".join(lines))
    expected = [(seconds * 10**9, dc, permille) for seconds, dc, permille in written]
    assert [row[1:] for row in found] in (expected, expected[::-1])
