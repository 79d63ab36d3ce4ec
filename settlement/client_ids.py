"""Idempotency: which order a participant's `client_order_id` names, remembered until 24 hours after that order ended.

The table may hold a million ended orders, so its digest is carried along instead of computed: ended records form a
queue that is only appended to at one end and forgotten at the other, and everything that ever joined it is hashed once,
in blocks. `digest` hashes the chain of blocks, the block begun, and how many have been forgotten.
"""

from collections import deque
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from msgspec import Struct, msgpack

from settlement.messages import EnterOffer, EnterOrder, OrderRepeated

REMEMBERED_NS: Final = 24 * 3_600 * 1_000_000_000
"""How long after its order's end a client id is remembered."""

BLOCK: Final = 64
"""Records in a block of the chain."""

_encode = msgpack.Encoder().encode


class Remembered(Struct, gc=False, array_like=True):
    """One client id. `content` is 64 bits of the hash of what was sent; `ended_ns` is -1 while the order lives."""

    participant_id: int
    client_order_id: str
    order_id: int
    first_sequence: int
    content: int
    ended_ns: int = -1


class ClientIds:
    """What is remembered, by participant and client id. O(1) each."""

    def __init__(self) -> None:
        self._by_participant: dict[int, dict[str, Remembered]] = {}
        self._ended: deque[Remembered] = deque()
        self._forgotten = 0
        self._chain = b""
        self._block: list[bytes] = []

    def get(self, participant_id: int, client_order_id: str) -> Remembered | None:
        mine = self._by_participant.get(participant_id)
        return None if mine is None else mine.get(client_order_id)

    def remember(self, command: EnterOrder | EnterOffer, order_id: int, sequence: int) -> Remembered:
        """Take down a new order's client id."""
        record = Remembered(command.participant_id, command.client_order_id, order_id, sequence, content_of(command))
        self._enter(record)
        return record

    def repeated(self, known: Remembered, command: EnterOrder | EnterOffer) -> OrderRepeated:
        """The answer to a client id that is known already."""
        return OrderRepeated(
            participant_id=known.participant_id,
            client_order_id=known.client_order_id,
            order_id=known.order_id,
            first_sequence=known.first_sequence,
            same_content=known.content == content_of(command),
        )

    def end(self, participant_id: int, client_order_id: str, time_ns: int) -> None:
        """The order has ended: from now on its client id grows old. Times never run backwards."""
        record = self._by_participant[participant_id][client_order_id]
        record.ended_ns = time_ns
        self._ended.append(record)
        self._block.append(_encode(record))
        if len(self._block) == BLOCK:
            self._chain = blake2b(self._chain + b"".join(self._block), digest_size=32).digest()
            self._block.clear()

    def forget(self, time_ns: int) -> None:
        """Forget what ended 24 hours ago or earlier. O(1) each, none looked at twice."""
        ended = self._ended
        latest_ns = time_ns - REMEMBERED_NS
        while ended and ended[0].ended_ns <= latest_ns:
            record = ended.popleft()
            mine = self._by_participant[record.participant_id]
            del mine[record.client_order_id]
            if not mine:
                del self._by_participant[record.participant_id]
            self._forgotten += 1

    def digest(self) -> bytes:
        """32 bytes that stand for all ended records. O(1)."""
        return blake2b(_encode((self._forgotten, len(self._ended), self._chain, self._block)), digest_size=32).digest()

    def state(self) -> tuple[int, bytes, list[bytes], list[Remembered]]:
        """All there is to keep of ended orders: (forgotten, chain, block, records in the order of their end)."""
        return self._forgotten, self._chain, self._block, list(self._ended)

    def restore(
        self,
        forgotten: int,
        chain: bytes,
        block: Iterable[bytes],
        ended: Iterable[Remembered],
        live: Iterable[Remembered],
    ) -> None:
        self._forgotten = forgotten
        self._chain = chain
        self._block = list(block)
        for record in ended:
            self._enter(record)
            self._ended.append(record)
        for record in live:
            self._enter(record)

    def audit(self, live: dict[int, tuple[int, str]]) -> None:
        """Assert that exactly the ended records and those of the live orders are kept. O(records)."""
        assert all(record.ended_ns >= 0 for record in self._ended)
        times = [record.ended_ns for record in self._ended]
        assert times == sorted(times)
        kept = {record.order_id: record for mine in self._by_participant.values() for record in mine.values()}
        assert len(kept) == len(self._ended) + len(live)
        for record in self._ended:
            assert kept[record.order_id] is record
        for order_id, (participant_id, client_order_id) in live.items():
            assert kept[order_id].ended_ns == -1
            assert self._by_participant[participant_id][client_order_id] is kept[order_id]

    def _enter(self, record: Remembered) -> None:
        mine = self._by_participant.get(record.participant_id)
        if mine is None:
            mine = self._by_participant[record.participant_id] = {}
        assert record.client_order_id not in mine
        mine[record.client_order_id] = record


def content_of(command: EnterOrder | EnterOffer) -> int:
    """64 bits of the hash of everything that was sent: enough to tell a retry from a mistake of one's own."""
    return int.from_bytes(blake2b(_encode(command), digest_size=8).digest(), "big")
