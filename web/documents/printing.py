"""Makes documents: seals the facts, puts the address of the seal behind the QR code, has them printed."""

import secrets
from typing import Final

from web.documents.paper import Paper, Words
from web.documents.press import Press
from web.documents.seals import KEY_BYTES, Seals, grouped
from web.documents.subject import Draft
from web.documents.wording import moment
from web.settings import WebSettings
from web.throttle import Throttle

WRONG_FIGURES: Final = 10
WINDOW_S: Final = 300.0
FIRST_WAIT_S: Final = 30.0


class Documents:
    """The venue's seals and its press. Belongs to one event loop."""

    def __init__(self, settings: WebSettings) -> None:
        # Without a key of the venue's, what is made can be verified until the process ends.
        self.seals = Seals(settings.document_key or secrets.token_bytes(KEY_BYTES))
        self.tries = Throttle(WRONG_FIGURES, WINDOW_S, FIRST_WAIT_S)
        """Wrong figures typed in on the page that verifies, by seal."""
        self._settings = settings
        self._press = Press(settings.static / "fonts")

    async def print(self, draft: Draft, time_ns: int, address: str) -> bytes:
        """The document as PDF, made at `time_ns` by the venue at that address (`https://host`), unless the settings
        name another. Raises `Unavailable`, and `Problem` `fonts_missing`.
        """
        subject, settings = draft.subject, self._settings
        seal = self.seals.seal(subject.kind, subject.name, subject.sequence, subject.facts)
        time = moment(time_ns)
        paper = Paper(
            venue=Words(settings.venue_zh, settings.venue_en),
            title=subject.title,
            number=subject.number,
            state=subject.state,
            valid=subject.valid,
            blocks=draft.blocks,
            made=Words(
                f"出具时间 {time}（北京时间），记录序号 {subject.sequence}",
                f"made {time} UTC+8, true of sequence {subject.sequence}",
            ),
            made_ns=time_ns,
            address=seal.address(settings.public_address or address),
            digest=grouped(seal.digest),
        )
        return await self._press.print(paper)

    async def close(self) -> None:
        await self._press.close()
