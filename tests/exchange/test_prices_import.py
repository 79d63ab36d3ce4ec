"""Price series of other markets come in from files, and nothing of a file is lost."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from exchange.__main__ import main
from exchange.database import connect, upgrade
from exchange.own_records import own_tables
from exchange.projector import view_tables
from web.errors import InvalidRequest
from web.price_csv import COLUMNS, Mapping, PriceFile, read_prices
from web.price_records import all_prices, decimal, import_file, rejects, same_price, series_list
from web.tables import price_imports

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "prices" / "govuk_bananas-1nov21.csv"

FILE = """\
Origin,Date,Price,Units
costa_rica,29/10/2021,0.86,£/kg
costa_rica,22/10/2021,0.8,£/kg
ecuador,29/10/2021,0.69,£/kg
costa_rica,29/10/2021,0.860,£/kg
costa_rica,29/10/2021,0.87,£/kg

ecuador,31/9/2021,0.7,£/kg
,29/10/2021,0.7,£/kg
ecuador,1/10/2021,dear,£/kg
ecuador,8/10/2021,0.1234567891,£/kg
ecuador,15/10/2021,0.7,$/lb
ecuador,15/10/2021,0.7
"ecuador,15/10/2021,0.7,£/kg
ecuador,15/10/2021,-0.7,£/kg
peru,15/10/2021,"1,234.5",£/kg
"""


def read(content: str | bytes, **said: object) -> PriceFile:
    data = content if isinstance(content, bytes) else content.encode()
    return read_prices(data, Mapping(**{"source": "S", "currency": "GBP", **said}))  # type: ignore[arg-type]


def lines(file: PriceFile) -> list[str]:
    return [
        f"{row.line} {row.origin} {row.day} {decimal(row.price, row.scale)} {row.currency}/{row.unit}"
        for row in file.rows
    ]


def test_each_line_is_a_price_or_told_with_what_is_wrong() -> None:
    file = read(FILE)
    assert lines(file) == [
        "2 costa_rica 18929 0.86 GBP/kg",
        "3 costa_rica 18922 0.8 GBP/kg",
        "4 ecuador 18929 0.69 GBP/kg",
        "5 costa_rica 18929 0.860 GBP/kg",
        "6 costa_rica 18929 0.87 GBP/kg",
        "16 peru 18915 1234.5 GBP/kg",
    ]
    assert [(each.line, each.field, each.reason) for each in file.rejects] == [
        (8, "date", "no_date"),
        (9, "origin", "missing"),
        (10, "price", "no_price"),
        (11, "price", "too_fine"),
        (12, "unit", "other_currency"),
        (13, None, "wrong_width"),
        (14, None, "no_csv"),
        (15, "price", "no_price"),
    ]
    assert file.rejects[6].text == '"ecuador,15/10/2021,0.7,£/kg'


@pytest.mark.parametrize(
    ("content", "said", "wanted"),
    [
        ("日期,价格\n2026-11-23,3.20\n", {"currency": "CNY", "unit": "kg"}, "2  20780 3.20 CNY/kg"),
        ("日期;均价;单位\n2026/11/23;3.2;元/斤\n", {"currency": None}, "2  20780 3.2 CNY/斤"),
        ("Date,Price\n11/23/2026,$1.5\n", {"currency": "USD", "unit": "lb"}, "2  20780 1.5 USD/lb"),
        ("Date,Price\n3/4/2026,2\n", {"unit": "kg", "date_format": "dmy"}, "2  20546 2 GBP/kg"),
        ("When,Where,What\n2026-11-23,Ecuador,7\n", {"date_column": "When", "price_column": "What", "unit": "kg",
          "origin_column": "Where"}, "2 Ecuador 20780 7 GBP/kg"),
    ],
)  # fmt: skip
def test_files_that_look_otherwise(content: str, said: dict[str, object], wanted: str) -> None:
    assert lines(read(content, **said)) == [wanted]


def test_latin_1_is_read_where_it_is_no_utf_8() -> None:
    file = read("Origin,Date,Price,Units\nCôte d'Ivoire,29/10/2021,0.77,£/kg\n".encode("latin-1"), currency=None)
    assert lines(file) == ["2 Côte d'Ivoire 18929 0.77 GBP/kg"]


@pytest.mark.parametrize(
    ("content", "said", "field"),
    [
        ("", {}, None),
        ("Price,Units\n1,£/kg\n", {}, None),
        ("Date,Cost,Units\n2026-11-23,1,£/kg\n", {}, "price_column"),
        ("Date,Price\n2026-11-23,1\n", {"currency": None}, "currency"),
        ("Date,Price\n3/4/2026,2\n", {"unit": "kg"}, "date_format"),
        ("Date,Price\n2026-11-23,1\n", {"unit": "kg", "price_column": "Cost"}, "price_column"),
        (b"Date,Price\n\xff", {"unit": "kg", "encoding": "utf-8"}, "encoding"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_name(
    content: str | bytes, said: dict[str, object], field: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(content, **said)
    assert caught.value.field == field


def test_an_import_is_whole_and_again_is_harmless(database_url: str) -> None:
    upgrade(database_url)
    engine = connect(database_url)
    file = read(FILE)
    found = []
    for now_ns in (1, 2):
        with engine.begin() as connection:
            taken = import_file(
                connection, "S", file, FILE.encode(), file_name="week.csv", now_ns=now_ns, imported_by=None
            )
        found.append((taken.rows, taken.added, taken.existing, taken.conflicts, taken.rejected))
        assert [each.line for each in taken.rejects] == [6, 8, 9, 10, 11, 12, 13, 14, 15]
        assert taken.rejects[0].reason == "conflict"
        assert taken.rejects[0].detail == "2021-10-29 has 0.86 already"
    assert found == [(14, 4, 1, 1, 8), (14, 0, 5, 1, 8)]
    with engine.begin() as connection:
        assert [(each.origin, each.prices) for each in series_list(connection, limit=10)] == [
            ("costa_rica", 2), ("ecuador", 1), ("peru", 1),
        ]  # fmt: skip
        assert len(connection.execute(select(price_imports)).all()) == 1
        assert [each.line for each in rejects(connection, 1, limit=10)] == [6, 8, 9, 10, 11, 12, 13, 14, 15]
        newer = read("Origin,Date,Price,Units\nperu,15/10/2021,1234.50,£/kg\nperu,22/10/2021,0.5,£/kg\n")
        taken = import_file(connection, "S", newer, b"other", file_name="x", now_ns=3, imported_by=1)
        assert (taken.added, taken.existing, taken.import_id) == (1, 1, 2)
        assert [row[:2] for row in all_prices(connection)] == [
            ("S", "costa_rica"), ("S", "costa_rica"), ("S", "ecuador"), ("S", "peru"), ("S", "peru"),
        ]  # fmt: skip
    engine.dispose()


def test_decimals_are_exact() -> None:
    assert same_price((5, 1), (500, 3))
    assert not same_price((5, 1), (5, 2))
    assert [decimal(5, 0), decimal(5, 2), decimal(1234, 2)] == ["5", "0.05", "12.34"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    upgrade(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    return tmp_path


def test_the_command_tells_each_line_that_became_no_price(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "week.csv").write_text(FILE, encoding="latin-1")
    command = ["prices", "--data", str(folder), "import", str(folder / "week.csv")]
    command += ["--source", "DEFRA", "--currency", "GBP"]
    assert main(command) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == ("week.csv:6: price conflict: 2021-10-29 has 0.86 already: costa_rica,29/10/2021,0.87,£/kg")
    assert told[-1] == ("DEFRA: 14 lines in 3 series: 4 added, 1 there already, 1 in conflict, 8 unreadable")
    assert main(["prices", "--data", str(folder), "list"]) == 0
    assert "   1 DEFRA costa_rica: 2 prices in GBP/kg, 2021-10-22 to 2021-10-29" in capsys.readouterr().out


def test_the_command_says_what_is_missing(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "week.csv"
    file.write_text("Date,Price\n3/4/2026,2\n")
    for data, path, wanted in (
        (folder, file, "--currency: the file does not say it: name it"),
        (folder, folder / "none.csv", "No such file"),
        (folder / "nowhere", file, "--currency"),
    ):
        assert main(["prices", "--data", str(data), "import", str(path), "--source", "S"]) == 2
        assert wanted in capsys.readouterr().err
    said = ["--source", "S", "--currency", "CNY", "--unit", "kg", "--date-format", "dmy"]
    assert main(["prices", "--data", str(tmp_path / "nowhere"), "import", str(file), *said]) == 2
    assert "there is no database" in capsys.readouterr().err
    assert main(["prices", "--data", str(folder), "import", str(file), *said]) == 0


def test_the_documentation_names_every_reason_and_column() -> None:
    folder = Path(__file__).parents[2]
    document = (folder / "docs" / "prices.md").read_text(encoding="utf-8")
    source = (folder / "web" / "price_csv.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'_Unreadable\((?:None|"[a-z]+"), "([a-z_]+)"', source))
    assert len(reasons) >= 12
    assert {f"`{reason}`" for reason in reasons} - set(re.findall(r"`[^`]+`", document)) == set()
    for names in COLUMNS.values():
        assert all(f"`{name}`" in document for name in names)


def test_a_rebuild_keeps_them() -> None:
    own = {table.name for table in own_tables()}
    assert {"prices", "price_series", "price_imports", "price_rejects", "participant_regions"} <= own
    assert own.isdisjoint(table.name for table in view_tables())


def test_twenty_six_years_of_published_prices_come_in_whole(folder: Path) -> None:
    if not PUBLISHED.is_file():
        pytest.skip("there is no folder of published prices beside this clone")
    content = PUBLISHED.read_bytes()
    engine = connect(f"sqlite:///{folder / 'exchange.sqlite'}")
    file = read_prices(content, Mapping(source="DEFRA"))
    with engine.begin() as connection:
        taken = import_file(connection, "DEFRA", file, content, file_name="x", now_ns=1, imported_by=None)
        assert (taken.rows, taken.added, taken.rejects) == (12_155, 12_155, [])
        assert taken.series == 27
        # Newest first in the file, and every one of its lines is there to the last place.
        stored = {(row[1], row[4], decimal(row[5], row[6])) for row in all_prices(connection)}
        assert stored == {(row.origin, row.day, decimal(row.price, row.scale)) for row in file.rows}
        assert len(stored) == 12_155
        again = import_file(connection, "DEFRA", file, content, file_name="x", now_ns=2, imported_by=None)
        assert (again.added, again.existing, again.rejects) == (0, 12_155, [])
    engine.dispose()
