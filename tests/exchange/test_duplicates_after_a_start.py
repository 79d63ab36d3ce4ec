"""A client who lost the answer asks again, also after the venue was killed in between: he trades once."""

from pathlib import Path
from typing import Any

import httpx

from settlement.messages import EnterOrder, ExecutionReport, OrderRepeated
from tests.exchange.house import LI, SYMBOL, house
from tests.running import found, let_in, lot_cut, serving, take_in

REQUEST = EnterOrder(
    participant_id=LI, client_order_id="mine", symbol=SYMBOL, side="buy", quantity=100, kind="limit", price=230
)


async def test_the_engine_remembers_names_across_a_start(tmp_path: Path) -> None:
    async with house(tmp_path, "2026-11-23", "10:00") as venue:
        first = await venue.do(REQUEST)
        report = first.events[-2]
        assert isinstance(report, ExecutionReport), first.events
    async with house(tmp_path, "2026-11-23", "10:05") as venue:
        again = await venue.do(REQUEST)
        assert again.events == (
            OrderRepeated(
                order_id=report.order_id,
                participant_id=LI,
                client_order_id="mine",
                first_sequence=first.sequence,
                same_content=True,
            ),
        )
        assert [live.order_id for live in venue.engine.live_orders(LI)] == [report.order_id]


def test_an_order_sent_again_after_a_kill_gets_its_first_answer(tmp_path: Path) -> None:
    data = tmp_path / "data"
    found(data)

    def place(person: Any, price: int = 230) -> httpx.Response:
        body = {"client_order_id": "mine", "symbol": symbol, "side": "buy", "quantity": 5, "price": price}
        answer: httpx.Response = person.http.post("/orders", json=body)
        return answer

    with serving(data) as venue:
        operator = venue.person("operator")
        warehouse = let_in(operator, "warehouse", "warehouse")
        grower = let_in(operator, "grower", "grower")
        trader = let_in(operator, "trader", "trader", money_fen=10_000_000)
        symbol = take_in(grower, warehouse, lot_cut(grower, 1), 1_350_000)["symbol"]
        first = place(trader)
        assert first.status_code == 201
        venue.kill()
    with serving(data) as venue:
        trader = venue.person("trader")
        again = place(trader)
        assert (again.status_code, again.json()) == (200, first.json())
        other = place(trader, price=231)
        assert (other.status_code, other.json()["code"]) == (409, "client_order_id_reused")
        assert [order["order_id"] for order in trader.get("/orders", status="live")["items"]] == [
            first.json()["order_id"]
        ]
