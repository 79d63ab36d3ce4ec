"""A venue with its people, and a way to talk to it as they do: HTTP, without a network."""

import copy
import functools
from typing import Any

import httpx
from litestar import Litestar

from settlement.messages import Deposit, RegisterParticipant, Role
from tests.web.local_gateway import LocalGateway
from web.app import WebApplication, put_to_work, routes
from web.sessions import Sessions, set_credentials
from web.settings import WebSettings

SYMBOL = "BXJ-1-SX1-26W47"
PASSWORD = "plantain-test"
CHEAP = WebSettings(password_memory_kib=8, password_passes=1)
"""Passwords that cost nothing; everything else as it is."""

PEOPLE: tuple[tuple[str, Role], ...] = (
    ("operator", "operator"),
    ("warehouse", "warehouse"),
    ("grower", "grower"),
    ("trader", "trader"),
    ("trader2", "trader"),
    ("analyst", "analyst"),
)
"""Participants 1, 2, 3 …; the traders have 10,000 yuan each."""

OPERATOR, WAREHOUSE, GROWER, TRADER, TRADER2, ANALYST = range(1, 7)


class Office:
    """The application over a `LocalGateway`. `as_(name)` is a signed-in client, `anyone` is not signed in."""

    def __init__(self, settings: WebSettings = CHEAP) -> None:
        self.gateway = LocalGateway()
        self.app: Litestar = _application(self.gateway, settings)
        self.anyone = self.client()
        self._signed_in: dict[str, httpx.AsyncClient] = {}

    def client(self, base_url: str = "http://venue", **headers: str) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=transport, base_url=base_url, headers=headers)

    @property
    def sessions(self) -> Sessions:
        found: Sessions = self.app.state["services"].sessions
        return found

    async def open(self) -> "Office":
        password_hash = await self.sessions.passwords.hash(PASSWORD)
        for participant_id, (name, role) in enumerate(PEOPLE, 1):
            self.gateway.take(RegisterParticipant(name=name, display_name=f"{name} 先生", roles=(role,)))
            let_in = functools.partial(
                set_credentials, participant_id=participant_id, name=name, password_hash=password_hash
            )
            await self.gateway.own_records(let_in)
        for participant_id in (TRADER, TRADER2):
            self.gateway.take(
                Deposit(participant_id=participant_id, amount_fen=1_000_000, reference=f"bank-{participant_id}")
            )
        return self

    async def as_(self, name: str) -> httpx.AsyncClient:
        """A client with its token, the same one each time."""
        if name in self._signed_in:
            return self._signed_in[name]
        token = await self.token(name)
        client = self.client(authorization=f"Bearer {token}")
        self._signed_in[name] = client
        return client

    async def token(self, name: str) -> str:
        answer = await self.anyone.post("/api/v1/sessions", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.anyone.cookies.clear()
        token: str = answer.json()["token"]
        return token

    async def stock(self, kilograms: int, *, harvest_date: str = "2026-11-20") -> int:
        """The grower brings goods all the way to a receipt; its number."""
        grower, warehouse = await self.as_("grower"), await self.as_("warehouse")
        lot = await post(grower, "lots", new_lot(kilograms, harvest_date=harvest_date))
        lot_id = lot["lot_id"]
        weight_g = kilograms * 1000
        await post(warehouse, f"lots/{lot_id}/weighing", {"gross_g": weight_g + 500, "tare_g": 500, "scale_id": "S1"})
        await post(warehouse, f"lots/{lot_id}/inspection", {"grade": "1", "colour_stage": 1})
        receipt = await post(warehouse, f"lots/{lot_id}/receipt", {})
        receipt_id: int = receipt["receipt_id"]
        return receipt_id

    async def close(self) -> None:
        for client in (self.anyone, *self._signed_in.values()):
            await client.aclose()
        self.sessions.close()
        await self.app.state["services"].documents.close()
        self.gateway.close()


def _application(gateway: LocalGateway, settings: WebSettings) -> WebApplication:
    """As `create_app` makes it, but with the routes of all tests drawn once: they hold nothing of a venue."""
    app = copy.copy(_routes(settings))
    put_to_work(app, gateway, gateway.feed, settings)
    return app


_routes = functools.lru_cache(4)(routes)


def new_lot(kilograms: int, **other: Any) -> dict[str, Any]:
    return {
        "variety": "BXJ",
        "grade": "1",
        "warehouse": "SX1",
        "harvest_date": "2026-11-20",
        "cartons": max(1, kilograms // 15),
        "weight_g": kilograms * 1000,
        "town": "北坡镇",
        "village": "下黎村（合成）",
        **other,
    }


def buy(client_order_id: str, quantity: int, price: int | None = 250, **other: Any) -> dict[str, Any]:
    return {
        "client_order_id": client_order_id,
        "symbol": SYMBOL,
        "side": "buy",
        "quantity": quantity,
        "price": price,
        **other,
    }


def sell(client_order_id: str, quantity: int, price: int | None = 250, **other: Any) -> dict[str, Any]:
    return buy(client_order_id, quantity, price, **{"side": "sell", **other})


async def get(client: httpx.AsyncClient, path: str, expected: int = 200, **parameters: Any) -> Any:
    answer = await client.get(f"/api/v1/{path}", params=parameters)
    assert answer.status_code == expected, answer.text
    return answer.json()


async def post(client: httpx.AsyncClient, path: str, body: Any, *statuses: int) -> Any:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code in (statuses or (200, 201)), answer.text
    return answer.json()


def problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The answer is this problem, whole and in form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    details: dict[str, Any] = answer.json()
    assert details["code"] == code
    assert details["status"] == status
    assert details["type"] == f"urn:banana-exchange:problem:{code}"
    assert details["title"]
    assert details["detail"]
    assert "Traceback" not in answer.text
    if field is not None:
        assert details["field"] == field
    return details
