"""What a browser loads, and how the API describes itself."""

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from openapi_spec_validator import OpenAPIV31SpecValidator

import web.pages
from tests.web.office import CHEAP, Office, problem
from web.docs import PAGE


@pytest.fixture
def static(tmp_path: Path) -> Path:
    terminal = tmp_path / "terminal"
    (terminal / "assets").mkdir(parents=True)
    (terminal / "index.html").write_text("<!doctype html><title>terminal</title>")
    (terminal / "favicon.svg").write_text("<svg/>")
    (terminal / "assets" / "index-1a2b.js").write_text("export {}")
    (terminal / "assets" / "sans-1a2b.woff2").write_bytes(b"wOF2")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "swagger-ui-bundle.js").write_text("var SwaggerUIBundle")
    (docs / "swagger-ui.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


SCREENS = (
    *("/", "/index.html", "/trade", "/trade/BXJ-1-SX1-26W47", "/market", "/market/BXJ-1-SX1-26W47", "/grower"),
    *("/grower/lots/7", "/grower/list", "/grower/sell/3", "/grower/account", "/warehouse", "/warehouse/stock"),
    *("/operator", "/operator/", "/operator/bank", "/contracts/3", "/receipts", "/deliveries/1", "/money/statement"),
    *("/data", "/data/statistics", "/data/prices/3"),
)


def test_the_screens_are_those_that_the_terminal_routes() -> None:
    route = (Path(web.pages.__file__).parent / "terminal" / "src" / "lib" / "route.ts").read_text()
    found = re.search(r"export type Screen =\s(.*?);", route, re.DOTALL)
    assert found is not None
    assert set(re.findall(r"'(\w+)'", found[1])) == set(web.pages.SCREENS)
    found = re.search(r"export const TABS = \{(.*?)\n\}", route, re.DOTALL)
    assert found is not None
    tabs = {name: tuple(re.findall(r"'(\w+)'", row)) for name, row in re.findall(r"(\w+): \[(.*?)\]", found[1])}
    assert tabs == web.pages.TABS


async def test_the_terminal_is_served_with_its_policy(static: Path) -> None:
    office = await Office(replace(CHEAP, static=static)).open()
    for path in SCREENS:
        page = await office.anyone.get(path, headers={"accept": "text/html,application/xhtml+xml"})
        assert (page.status_code, page.text) == (200, "<!doctype html><title>terminal</title>")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["cache-control"] == "no-cache"
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["x-content-type-options"] == "nosniff"
    for path, kind in (("index-1a2b.js", "text/javascript"), ("sans-1a2b.woff2", "font/woff2")):
        asset = await office.anyone.get(f"/assets/{path}")
        assert asset.headers["content-type"].startswith(kind)
        assert "immutable" in asset.headers["cache-control"]
    assert (await office.anyone.get("/favicon.svg")).headers["content-type"] == "image/svg+xml"
    for path in (
        "/assets/gone.js",
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/..%2f..%2fsecret.txt",
        *("/orders", "/trader", "/grower/orders", "/growers", "/wp-admin", "/index.php", "/.env", "/index.html/x"),
    ):
        problem(await office.anyone.get(path, headers={"accept": "text/html"}), 404, "not_found")
    assert (await office.anyone.post("/trade")).status_code == 404
    for accept, status in (("*/*", 200), ("application/json", 404), ("image/png", 404), ("text/html;q=0.9", 200)):
        for path in ("/", "/trade"):
            assert (await office.anyone.get(path, headers={"accept": accept})).status_code == status
    assert (await office.anyone.get("/favicon.svg", headers={"accept": "image/png"})).status_code == 200
    await office.close()


async def test_a_terminal_that_is_not_built_says_so(tmp_path: Path) -> None:
    office = await Office(replace(CHEAP, static=tmp_path)).open()
    page = await office.anyone.get("/")
    assert page.status_code == 200
    assert "./dev setup" in page.text
    assert "尚未构建" in page.text
    docs = await office.anyone.get("/docs")
    assert docs.status_code == 200
    await office.close()


async def test_the_docs_page_needs_nothing_from_elsewhere(static: Path) -> None:
    office = await Office(replace(CHEAP, static=static)).open()
    page = await office.anyone.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "/docs/swagger-ui-bundle.js" in loaded
    for address in loaded:
        assert address.startswith(("/", "data:")), address
        if address.startswith("/docs/"):
            assert (await office.anyone.get(address)).status_code == 200, address
    for file in PAGE.iterdir():
        assert not re.search(r"https?://", file.read_text()), file.name
    assert "<style" not in page.text
    assert not re.search(r"<script(?! src=)", page.text)
    problem(await office.anyone.get("/docs/gone.js"), 404, "not_found")
    await office.close()


async def test_the_description_is_valid_openapi_and_tells_everything(office: Office) -> None:
    answer = await office.anyone.get("/openapi.json")
    description = json.loads(answer.content)
    OpenAPIV31SpecValidator(description).validate()
    assert description["openapi"].startswith("3.1")
    assert description["paths"]["/api/v1/orders"]["post"]["operationId"] == "place_order"
    for path, item in description["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], path
            assert operation["description"], path
            assert operation["tags"], path
            if path.startswith("/api/"):
                assert "503" in operation["responses"], path
                said = operation["description"].startswith("Public.")
                public = said or operation["tags"] == ["market"] or operation["operationId"] == "sign_in"
                assert ("security" in operation) is not public, path
                if "security" in operation:
                    assert "401" in operation["responses"], path
            if "requestBody" in operation:
                assert list(operation["requestBody"]["content"]) == ["application/json"], path
                assert {"400", "413", "415"} <= set(operation["responses"]), path
            assert "content" not in operation["responses"].get("204", {}), path
            for status, response in operation["responses"].items():
                if int(status) >= 400 and path.startswith("/api/"):
                    assert list(response["content"]) == ["application/problem+json"], (path, method, status)
    schemas = description["components"]["schemas"]
    assert "OrderPage" in schemas
    assert not any("." in name for name in schemas)
    order = schemas["NewOrder"]
    assert order["additionalProperties"] is False
    assert set(order["required"]) == {"client_order_id", "symbol", "side", "quantity"}
    assert order["properties"]["price"]["description"].startswith("Fen per kilogram")


async def test_every_answer_carries_the_headers(office: Office) -> None:
    trader = await office.as_("trader")
    for answer in (
        await office.anyone.get("/healthz"),
        await office.anyone.get("/api/v1/nothing"),
        await office.anyone.get("/openapi.json"),
        await trader.get("/api/v1/me"),
        await trader.post("/api/v1/orders", json={}),
        await trader.post("/api/v1/orders/", json={}),
        await trader.post("/api/v1/orders", content=b"x" * 2_000_000),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert policy.startswith("default-src 'none'" if "/api/" in str(answer.url) else "default-src 'self'")
        if "/api/" in str(answer.url):
            assert answer.headers["cache-control"] == "no-store"
