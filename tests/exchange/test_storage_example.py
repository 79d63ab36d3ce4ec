"""The worked example of docs/settlement/storage.md, executed: the table's figures are the engine's."""

import re
from pathlib import Path

from settlement.civil import iso_date, venue_day
from settlement.messages import LedgerPosted, TradeSettled
from settlement.messages.storage import PayStorage, StoragePaid, StorageTariff
from tests.exchange.floor import CHEN, LI, Floor, time_of, told

HANDBOOK = Path(__file__).parents[2] / "docs" / "settlement" / "storage.md"
TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300, insurance_fen_per_tonne_day=20, free_days=3)


def test_a_lot_to_the_fen() -> None:
    charges: list[tuple[str, str]] = []
    floor = Floor()
    floor.configure(storage=(TARIFF,))
    floor.deposit(CHEN, 100_000)
    floor.deposit(LI, 1_000_000)
    number = floor.receipt(weight_g=9_000_000)
    receipt = floor.engine.receipt(number)
    assert receipt is not None
    charges.append(("2026-11-23", f"first chargeable day {iso_date(receipt.storage_from_day)}"))

    floor.wait_until(time_of("2026-11-26", 12))
    charges.append(("2026-11-26", due(floor, number)))

    floor.wait_until(time_of("2026-11-30", 9))
    charges.append(("2026-11-30", due(floor, number)))
    floor.do(PayStorage(participant_id=CHEN, receipt_ids=(number,)))
    assert floor.only(StoragePaid).amount_fen == 11_520
    assert floor.money(CHEN) == (100_000 - 11_520, 0)

    floor.wait_until(time_of("2026-12-01", 9))
    floor.sell(CHEN, 2_500, 250)
    floor.buy(LI, 2_500, 250)
    charges.append(("2026-12-01", f"{floor.only(StoragePaid).due_fen:,}"))
    settled = floor.only(TradeSettled)
    assert (settled.amount_fen, settled.seller_fee_fen, settled.storage_fen) == (625_000, 313, 800)
    assert "CNY participant:3 -> storage 800" in told(floor.only(LedgerPosted).transfers)
    assert floor.money(CHEN) == (100_000 - 11_520 + 623_887, 0)

    floor.wait_until(time_of("2026-12-02", 9))
    (bought,) = [each for each, _, _ in floor.held(LI)]
    charges += [("2026-12-02", due(floor, bought)), ("2026-12-02", due(floor, number))]

    table = HANDBOOK.read_text().partition("<!-- example:")[2]
    rows = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| [^|]* \| ([^|]*?) \| ", table, re.MULTILINE)
    assert rows == charges
    assert "115.20 yuan" in table
    assert "6,238.87 after the fee of 3.13" in table


def due(floor: Floor, receipt_id: int) -> str:
    found = floor.engine.storekeeper.due(receipt_id, venue_day(floor.time_ns))
    assert found is not None
    return f"{found.due_fen:,}"
