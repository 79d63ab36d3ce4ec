"""Proof of reserves: the statement as CSV, its signature, the key that verifies it, and a holder's own receipt in it.

Anyone may read the statement; it names nobody. A holder is given his receipt's key and finds his commitment in it (see
`settlement.reserves`). The signature is Ed25519 over the file's bytes; `docs/settlement/proof-of-reserves.md` has the
commands that check both without a program of ours.
"""

import asyncio
import hmac
import time
from base64 import b64encode
from hashlib import sha256
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from litestar import Response, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from matching.messages import MAX_INTEGER
from settlement import queries
from settlement.messages.receipts import LIVE_STATES
from settlement.reserves import CountedReceipt, LotReserve, Reserves, commitment, receipt_key, statement, told
from web.bodies import Answer
from web.context import Anyone, SignedIn, gateway_of
from web.errors import NotFound, problems
from web.ports import Gateway
from web.views import is_id, live_unless_halted, recorded

KEPT: Final = 4
"""Statements that can still be had by their number."""

EVERY_SECONDS: Final = 60.0
"""A statement is drawn up when it is asked for, and then for so long there is no newer one: it reads every receipt."""


class Statement(Struct, frozen=True, kw_only=True):
    """A statement that was drawn up; `content` is the file, `signature` its 64 bytes."""

    sequence: int
    time_ns: int
    reserves: Reserves
    content: bytes
    signature: bytes
    receipts: dict[int, CountedReceipt]


class Statements:
    """Draws statements up, signs them, and keeps the last ones."""

    def __init__(self, key: bytes, every_seconds: float = EVERY_SECONDS) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key) if key else Ed25519PrivateKey.generate()
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        # Not the key itself: what receipts' keys are drawn from signs nothing.
        self.secret = hmac.digest(raw, b"receipt keys", sha256)
        self._every_seconds = every_seconds
        self._kept: dict[int, Statement] = {}
        self._drawn_at: float | None = None
        self._drawing = asyncio.Lock()

    @property
    def public_pem(self) -> bytes:
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    async def latest(self, gateway: Gateway) -> Statement:
        """The newest statement; drawn up now unless there is one of this minute. Raises `HistoryUnavailable`."""
        async with self._drawing:
            now = time.monotonic()
            if self._drawn_at is None or now - self._drawn_at >= self._every_seconds:
                await self._draw_up(gateway)
                self._drawn_at = now
            return self._kept[max(self._kept)]

    def numbered(self, sequence: int) -> Statement | None:
        """One of the last statements."""
        return self._kept.get(sequence)

    async def _draw_up(self, gateway: Gateway) -> None:
        codes = [warehouse.code for warehouse in gateway.venue().warehouses]
        sequence, reserves = await gateway.history(lambda connection: queries.reserves(connection, codes))
        if sequence in self._kept:
            return
        time_ns = gateway.time_ns
        content = await asyncio.to_thread(statement, sequence, time_ns, reserves, self.secret)
        self._kept[sequence] = Statement(
            sequence=sequence,
            time_ns=time_ns,
            reserves=reserves,
            content=content,
            signature=self._key.sign(content),
            receipts={receipt.receipt_id: receipt for receipt in reserves.receipts},
        )
        for old in sorted(self._kept)[:-KEPT]:
            del self._kept[old]


class LotView(Answer, frozen=True, kw_only=True):
    """Grams. `stock_g` is what was received less what has left, was struck off and is recorded as lost; `receipts_g` is
    what receipts add up to. They are the same, or the venue has a fault.
    """

    warehouse: str
    lot_id: int
    symbol: str
    received_g: int
    loaded_out_g: int
    voided_g: int
    shrinkage_g: int
    stock_g: int
    receipts_g: int
    receipts: int


class ReservesView(Answer, frozen=True, kw_only=True):
    """The newest statement, its file's address, and what proves that the file is the venue's."""

    sequence: int
    time_ns: int
    difference_g: Annotated[int, Meta(description="By how much receipts and stock differ: 0.")]
    lots: list[LotView]
    csv: str
    csv_sha256: str
    signature: Annotated[str, Meta(description="Ed25519 over the file, Base64.")]
    signature_file: str
    public_key: Annotated[str, Meta(description="PEM.")]


class OwnReceipt(Answer, frozen=True, kw_only=True):
    """What a holder checks his receipt by: `commitment` is HMAC-SHA256 of `told` by `key`, in hexadecimal digits.

    `key` (32 bytes, hexadecimal) is the receipt's for ever and his to keep to himself: with it he makes the commitment
    of any statement. `told` and `commitment` are null where the receipt came after the statement.
    """

    receipt_id: int
    key: str
    sequence: int
    told: str | None
    commitment: str | None
    csv: str


Number = Annotated[
    int | None,
    QueryParameter(ge=0, le=MAX_INTEGER, description="The statement's; left out: the newest."),
]

_CSV = {200: ResponseSpec(bytes, generate_examples=False, description="The statement.", media_type="text/csv")}
_SIGNATURE = {
    200: ResponseSpec(
        bytes, generate_examples=False, description="64 bytes, Ed25519.", media_type="application/octet-stream"
    )
}
_PEM = {
    200: ResponseSpec(
        bytes,
        generate_examples=False,
        description="Ed25519, SubjectPublicKeyInfo.",
        media_type="application/x-pem-file",
    )
}


@get("/reserves", tags=["reserves"], summary="Proof of reserves", responses=problems())
async def read_reserves(request: Anyone) -> ReservesView:
    """Public. A new statement at most once a minute."""
    statements = statements_of(request.app.state)
    found = await statements.latest(gateway_of(request))
    return ReservesView(
        sequence=found.sequence,
        time_ns=found.time_ns,
        difference_g=found.reserves.difference_g,
        lots=[lot_of(lot) for lot in found.reserves.lots],
        csv=_address("csv", found.sequence),
        csv_sha256=sha256(found.content).hexdigest(),
        signature=b64encode(found.signature).decode(),
        signature_file=_address("sig", found.sequence),
        public_key=statements.public_pem.decode(),
    )


@get("/reserves.csv", tags=["reserves"], summary="The statement", responses={**_CSV, **problems(404)})
async def read_reserves_file(request: Anyone, sequence: Number = None) -> Response[bytes]:
    """Public. Rows of the kinds `statement`, `warehouse`, `lot` and `receipt`."""
    found = await _find(request, sequence)
    return Response(
        found.content,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="reserves-{found.sequence}.csv"'},
    )


@get("/reserves.sig", tags=["reserves"], summary="Its signature", responses={**_SIGNATURE, **problems(404)})
async def read_reserves_signature(request: Anyone, sequence: Number = None) -> Response[bytes]:
    """Public."""
    found = await _find(request, sequence)
    return Response(
        found.signature,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="reserves-{found.sequence}.sig"'},
    )


@get("/reserves.pem", tags=["reserves"], summary="The key that verifies it", responses={**_PEM, **problems()})
async def read_reserves_key(request: Anyone) -> Response[bytes]:
    """Public. Keep it: who knows it from before is not told another."""
    return Response(statements_of(request.app.state).public_pem, media_type="application/x-pem-file")


@get(
    "/receipts/{receipt_id:int}/reserves",
    tags=["receipts"],
    summary="A receipt among the reserves",
    responses=problems(401, 404),
)
async def read_reserves_of_receipt(request: SignedIn, receipt_id: FromPath[int]) -> OwnReceipt:
    """For its holder alone: whoever has the key knows which commitment is his."""
    gateway = gateway_of(request)
    at, receipt = await live_unless_halted(gateway), None
    if is_id(receipt_id) and at is not None:
        receipt = gateway.receipt(receipt_id)
    elif is_id(receipt_id):
        _, known = await recorded(gateway, lambda connection: queries.receipt(connection, receipt_id), None)
        receipt = known if known.state in LIVE_STATES else None
    if receipt is None or receipt.participant_id != request.user.participant_id:
        raise NotFound("unknown_receipt")
    statements = statements_of(request.app.state)
    found = await statements.latest(gateway)
    key = receipt_key(statements.secret, receipt_id)
    counted = found.receipts.get(receipt_id)
    return OwnReceipt(
        receipt_id=receipt_id,
        key=key.hex(),
        sequence=found.sequence,
        told=None if counted is None else told(found.sequence, counted),
        commitment=None if counted is None else commitment(key, found.sequence, counted),
        csv=_address("csv", found.sequence),
    )


def statements_of(state: State) -> Statements:
    found: Statements = state["reserves"]
    return found


def lot_of(lot: LotReserve) -> LotView:
    return LotView(
        warehouse=lot.warehouse,
        lot_id=lot.lot_id,
        symbol=lot.symbol,
        received_g=lot.received_g,
        loaded_out_g=lot.loaded_out_g,
        voided_g=lot.voided_g,
        shrinkage_g=lot.shrinkage_g,
        stock_g=lot.stock_g,
        receipts_g=lot.receipts_g,
        receipts=lot.receipts,
    )


async def _find(request: Anyone, sequence: int | None) -> Statement:
    statements = statements_of(request.app.state)
    if sequence is None:
        return await statements.latest(gateway_of(request))
    found = statements.numbered(sequence)
    if found is None:
        raise NotFound("unknown_statement", f"the last {KEPT} statements are kept", field="sequence")
    return found


def _address(suffix: str, sequence: int) -> str:
    return f"/api/v1/reserves.{suffix}?sequence={sequence}"


PUBLIC = [read_reserves, read_reserves_file, read_reserves_signature, read_reserves_key]
PRIVATE = [read_reserves_of_receipt]
