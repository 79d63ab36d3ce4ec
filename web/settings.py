"""What the web layer can be told; `exchange/app.py` fills it in from the venue's own settings."""

from pathlib import Path

from msgspec import Struct

from web.gazetteer import TOWNS, Town

HOUR_NS = 3_600 * 10**9
STATIC = Path(__file__).parent / "static"


class WebSettings(Struct, frozen=True, kw_only=True):
    """Every field has a default that suits one venue on one machine."""

    origins: tuple[str, ...] = ()
    """Origins (`https://host[:port]`) beside the venue's own whose pages may write by cookie and open the feed."""
    maximum_lag: int = 100_000
    """Commands that the database may be behind before `/readyz` says no."""
    demo: bool = False
    """Whether this is the demonstration, whose accounts and password are public."""
    version: str = "0.1.0"
    towns: tuple[Town, ...] = TOWNS
    static: Path = STATIC
    """Where the built terminal (`terminal/`) and the files of the documentation page (`docs/`) lie."""
    session_idle_ns: int = 12 * HOUR_NS
    """A session that is not used for so long ends."""
    session_lifetime_ns: int = 7 * 24 * HOUR_NS
    """A session ends after so long, however much it is used."""
    venue_zh: str = "中国（遂溪）香蕉国际交易中心"
    venue_en: str = "China (Suixi) International Banana Exchange"
    """What documents call the venue."""
    public_address: str | None = None
    """Where the world reaches the venue (`https://host`), for the QR codes of documents; null: the host that was asked
    for the document.
    """
    port: int = 8000
    feed_port: int = 8001
    """Where browsers and programs open the feed, for its description."""
    document_key: bytes = b""
    """Seals documents, 32 bytes at least (`web.documents.seals`); without one they can be verified until the end of the
    process.
    """
    reserves_key: bytes = b""
    """Signs the statement of reserves, an Ed25519 key of 32 bytes (`web.reserves`); without one, one is drawn that ends
    with the process.
    """
    reserves_every_seconds: float = 60.0
    """For so long a statement of reserves is the newest."""
    failed_sign_ins: int = 10
    """Failures that one name may have from one address within `failed_sign_in_window_s` until it has to wait, the
    right password or not: an answer would tell a guesser that it is right.
    """
    failed_sign_in_window_s: int = 300
    failed_sign_in_wait_s: int = 30
    """The first wait; each further failure doubles it, up to the window."""
    password_memory_kib: int = 19_456
    """argon2id's cost: 19 MiB and two passes on one lane, the least that OWASP recommends (about 20 ms)."""
    password_passes: int = 2
