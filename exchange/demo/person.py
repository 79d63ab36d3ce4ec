"""A simulated person: a signed-in user of the public HTTP interface, and of nothing else."""

from typing import Any

import httpx

from exchange.demo.cast import PASSWORD, Member


class Refused(Exception):
    """The venue said no, with a status and a stable code."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code


class Person:
    """Speaks for one member of the cast with a bearer token."""

    def __init__(self, member: Member, http: httpx.AsyncClient) -> None:
        self.member = member
        self.participant_id = 0
        self._http = http
        self._headers: dict[str, str] = {}

    async def sign_in(self) -> None:
        session = await self.post("/sessions", {"name": self.member.name, "password": PASSWORD})
        self.participant_id = session["participant"]["participant_id"]
        self._headers = {"Authorization": f"Bearer {session['token']}"}

    async def get(self, path: str, **query: Any) -> Any:
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        return await self._call("POST", path, json=body)

    async def patch(self, path: str, body: dict[str, Any]) -> Any:
        return await self._call("PATCH", path, json=body)

    async def delete(self, path: str) -> Any:
        return await self._call("DELETE", path)

    async def all_of(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.get(path, limit=1000, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    async def holdings(self) -> dict[str, int]:
        """Available goods by symbol, in whole kilograms; what is sold out is left out."""
        balances = await self.get("/balances")
        return {
            item["asset"]: item["available"] // 1000
            for item in balances["items"]
            if item["unit"] == "g" and item["available"] >= 1000
        }

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = await self._http.request(method, f"/api/v1{path}", headers=self._headers, **arguments)
        if answer.is_success:
            return answer.json() if answer.content else None
        problem = answer.json() if answer.headers.get("content-type", "").startswith("application/problem") else {}
        raise Refused(answer.status_code, problem.get("code", "unknown"), problem.get("detail", ""))
