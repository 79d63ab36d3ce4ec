"""Proof of reserves: everyone reads it, openssl verifies it, and a holder finds his own receipt in it and no other."""

import csv
import hmac
import io
import re
import shutil
import subprocess
from base64 import b64decode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from settlement.messages import RecordShrinkage
from tests.web.office import CHEAP, WAREHOUSE, Office, buy, get, post, problem, sell
from web.reserves import KEPT, Statements
from web.reserves_key import KEY_FILE, key_in

HANDBOOK = Path(__file__).parents[2] / "docs" / "settlement" / "proof-of-reserves.md"


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    """Statements as new as the asking."""
    opened = await Office(msgspec.structs.replace(CHEAP, reserves_every_seconds=0.0)).open()
    yield opened
    await opened.close()


async def traded(office: Office) -> None:
    """A ton of the grower's, 300 kg of it sold on, 5 kg of it gone."""
    await office.stock(1_000)
    await post(await office.as_("grower"), "orders", sell("s", 300), 201)
    await post(await office.as_("trader"), "orders", buy("b", 300), 201)
    office.gateway.take(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=5_000, reason="dried up"))


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


async def fetch(office: Office, address: str) -> bytes:
    answer = await office.anyone.get(address)
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_receipts_are_stock_lot_by_lot_for_everyone_to_read(office: Office) -> None:
    await traded(office)
    told = await get(office.anyone, "reserves")
    assert (told["sequence"], told["difference_g"]) == (office.gateway.sequence, 0)
    (lot,) = told["lots"]
    assert (lot["received_g"], lot["shrinkage_g"], lot["stock_g"], lot["receipts_g"]) == (
        1_000_000,
        5_000,
        995_000,
        995_000,
    )
    content = await fetch(office, told["csv"])
    assert sha256(content).hexdigest() == told["csv_sha256"]
    rows = read(content)
    assert [row["kind"] for row in rows] == ["statement", "warehouse", "lot", "receipt", "receipt"]
    assert {row["sequence"] for row in rows} == {str(told["sequence"])}
    assert [(row["stock_g"], row["receipts_g"], row["receipts"]) for row in rows[:3]] == [("995000", "995000", "2")] * 3
    assert all(re.fullmatch("[0-9a-f]{64}", row["commitment"]) for row in rows[3:])
    assert sorted(row["commitment"] for row in rows[3:]) == [row["commitment"] for row in rows[3:]]


async def test_the_file_names_nobody_and_no_receipts_weight(office: Office) -> None:
    await traded(office)
    (_, _, _, *receipts) = read(await fetch(office, "/api/v1/reserves.csv"))
    for row in receipts:
        assert {name for name, value in row.items() if value} == {
            "kind",
            "sequence",
            "warehouse",
            "lot_id",
            "commitment",
        }


async def test_its_signature_is_the_published_keys(office: Office) -> None:
    await traded(office)
    told = await get(office.anyone, "reserves")
    content, signature = await fetch(office, told["csv"]), await fetch(office, told["signature_file"])
    assert b64decode(told["signature"]) == signature
    key = load_pem_public_key(await fetch(office, "/api/v1/reserves.pem"))
    assert isinstance(key, Ed25519PublicKey)
    key.verify(signature, content)
    with pytest.raises(InvalidSignature):
        key.verify(signature, content.replace(b"995000", b"995001"))


async def test_a_holder_finds_his_own_receipt_and_later_statements_need_no_asking(office: Office) -> None:
    await traded(office)
    grower, trader, operator = [await office.as_(name) for name in ("grower", "trader", "operator")]
    mine = await get(grower, "receipts/1/reserves")
    assert mine["told"] == f"{mine['sequence']}|1|3|1|SX1|696500"
    assert mine["commitment"] == hmac.new(bytes.fromhex(mine["key"]), mine["told"].encode(), sha256).hexdigest()
    listed = [row["commitment"] for row in read(await fetch(office, mine["csv"])) if row["kind"] == "receipt"]
    assert mine["commitment"] in listed
    theirs = await get(trader, "receipts/2/reserves")
    assert theirs["key"] != mine["key"]
    assert theirs["commitment"] in listed

    await office.stock(10)
    later = read(await fetch(office, "/api/v1/reserves.csv"))
    own = f"{later[0]['sequence']}|1|3|1|SX1|696500"
    commitment = hmac.new(bytes.fromhex(mine["key"]), own.encode(), sha256).hexdigest()
    again = [row["commitment"] for row in later if row["kind"] == "receipt"]
    assert commitment in again
    assert not set(again) & set(listed), "no two statements can be laid side by side"

    problem(await trader.get("/api/v1/receipts/1/reserves"), 404, "unknown_receipt")
    problem(await operator.get("/api/v1/receipts/1/reserves"), 404, "unknown_receipt")
    problem(await office.anyone.get("/api/v1/receipts/1/reserves"), 401, "unauthenticated")


async def test_a_receipt_that_came_after_the_statement_is_not_in_it(office: Office) -> None:
    await traded(office)
    office.gateway.projecting = False
    await office.stock(10)
    mine = await get(await office.as_("grower"), "receipts/3/reserves")
    assert (mine["told"], mine["commitment"]) == (None, None)


async def test_a_halted_venue_tells_of_reserves_from_the_database(office: Office) -> None:
    await traded(office)
    grower, trader = await office.as_("grower"), await office.as_("trader")
    before = await get(grower, "receipts/1/reserves")
    office.gateway.halted = "the disk is full"
    assert await get(grower, "receipts/1/reserves") == before
    assert (await get(office.anyone, "reserves"))["sequence"] == before["sequence"]
    problem(await trader.get("/api/v1/receipts/1/reserves"), 404, "unknown_receipt")
    problem(await grower.get("/api/v1/receipts/0/reserves"), 404, "unknown_receipt")
    problem(await grower.get("/api/v1/receipts/99/reserves"), 503, "venue_halted")


async def test_the_last_statements_are_kept_by_number(office: Office) -> None:
    numbers = []
    for _ in range(KEPT + 1):
        await office.stock(10)
        numbers.append((await get(office.anyone, "reserves"))["sequence"])
    for number in numbers[1:]:
        (first, *_) = read(await fetch(office, f"/api/v1/reserves.csv?sequence={number}"))
        assert first["sequence"] == str(number)
    for suffix in ("csv", "sig"):
        answer = await office.anyone.get(f"/api/v1/reserves.{suffix}", params={"sequence": numbers[0]})
        problem(answer, 404, "unknown_statement", "sequence")


async def test_there_is_one_statement_a_minute(office: Office) -> None:
    slow = Statements(b"")
    first = await slow.latest(office.gateway)
    await office.stock(10)
    assert await slow.latest(office.gateway) is first


async def test_files_are_files_whatever_the_client_would_rather_have(office: Office) -> None:
    answer = await office.anyone.get("/api/v1/reserves.csv", headers={"accept": "text/csv"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert re.fullmatch(r'attachment; filename="reserves-\d+\.csv"', answer.headers["content-disposition"])
    problem(await office.anyone.get("/api/v1/reserves", headers={"accept": "text/csv"}), 406, "not_acceptable")


def test_the_key_is_drawn_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = key_in(tmp_path)
    assert len(key) == 32
    assert key_in(tmp_path) == key
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    assert Statements(key).public_pem == Statements(key).public_pem != Statements(b"").public_pem
    assert Statements(key).secret != key
    (tmp_path / KEY_FILE).write_text("no key")
    with pytest.raises(ValueError, match="PEM"):
        key_in(tmp_path)


async def test_the_commands_of_the_handbook_verify_file_and_receipt(office: Office, tmp_path: Path) -> None:
    """What the documents tell a holder to type is typed, but for fetching the files."""
    await traded(office)
    mine = await get(await office.as_("grower"), "receipts/1/reserves")
    for name in ("csv", "sig", "pem"):
        query = "" if name == "pem" else f"?sequence={mine['sequence']}"
        (tmp_path / f"reserves.{name}").write_bytes(await fetch(office, f"/api/v1/reserves.{name}{query}"))
    commands = re.findall(r"^\$ (openssl .*|printf .*|grep .*)$", HANDBOOK.read_text(), re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["openssl", "printf", "grep"]
    verify, commit, find = commands
    if shutil.which("openssl") is None:
        key: Any = load_pem_public_key((tmp_path / "reserves.pem").read_bytes())
        key.verify((tmp_path / "reserves.sig").read_bytes(), (tmp_path / "reserves.csv").read_bytes())
        return
    assert "Verified Successfully" in _typed(verify, tmp_path)
    digest = _typed(commit.replace("TOLD", mine["told"]).replace("KEY", mine["key"]), tmp_path)
    assert digest.strip().split()[-1] == mine["commitment"]
    assert _typed(find.replace("COMMITMENT", mine["commitment"]), tmp_path) == "1\n"
    forged = (tmp_path / "reserves.csv").read_bytes().replace(b"995000", b"995001")
    (tmp_path / "reserves.csv").write_bytes(forged)
    assert "Failure" in _typed(verify, tmp_path)


def _typed(command: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout + done.stderr
