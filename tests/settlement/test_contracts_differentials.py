"""What other goods are worth by the venue's table."""

from settlement.differentials import Differentials, Goods, names_twice
from settlement.messages.contracts import Differential

TABLE = (
    Differential(kind="location", value="SX2", fen_per_kg=-6),
    Differential(kind="grade", value="2", fen_per_kg=-40),
    Differential(kind="grade", value="E", fen_per_kg=30),
    Differential(kind="ripeness", value="2", fen_per_kg=-8),
    Differential(kind="grade", value="2", fen_per_kg=-25, variety="FJ"),
)
AGREED = Goods("SX1", "1", "1")


def test_the_same_goods_are_worth_the_same() -> None:
    assert Differentials(TABLE).between("BXJ", AGREED, AGREED) == 0
    assert Differentials().between("BXJ", AGREED, AGREED) == 0


def test_what_differs_adds_up() -> None:
    assert Differentials(TABLE).between("BXJ", AGREED, Goods("SX2", "2", "2")) == -6 - 40 - 8


def test_what_was_agreed_is_the_standard_or_has_a_figure_of_its_own() -> None:
    table = Differentials(TABLE)
    assert table.between("BXJ", Goods("SX1", "2", "1"), Goods("SX1", "E", "1")) == 70
    assert table.between("BXJ", Goods("SX1", "E", "1"), Goods("SX1", "2", "1")) == -70


def test_an_entry_for_the_variety_goes_before_one_for_all() -> None:
    assert Differentials(TABLE).between("FJ", AGREED, Goods("SX1", "2", "1")) == -25


def test_what_the_table_does_not_name_cannot_be_tendered() -> None:
    table = Differentials(TABLE)
    assert table.between("BXJ", AGREED, Goods("SX3", "1", "1")) is None
    assert table.between("BXJ", Goods("SX1", "E", "1"), Goods("SX1", "1", "1")) is None


def test_two_figures_for_one_value_are_no_table() -> None:
    assert not names_twice(TABLE)
    assert names_twice((*TABLE, Differential(kind="grade", value="E", fen_per_kg=31)))
