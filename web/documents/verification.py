"""The public page behind a document's QR code: is it genuine, and does it still hold?

It tells nothing that the document does not: its kind and number, when it was made, its digest, and the state and
digest of the thing now. Whoever has no seal of the venue's learns nothing at all, not even whether there is such a
thing: the seal is looked at before anything else.

A seal does not see the words around it: a code can be cut out and put under other figures. So whoever verifies a
document that still holds may type in its main figure and hears whether it is the right one.
"""

import html
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from string import Template
from typing import Final, Literal

from litestar import Response, get
from litestar.params import FromPath
from msgspec import Struct

from web.context import Anyone, gateway_of, services
from web.documents import contracts, deliveries, invoices, receipts, statements, trades
from web.documents.paper import Words
from web.documents.seals import Seal, Seals, grouped
from web.documents.subject import Subject
from web.documents.wording import moment
from web.errors import NotFound, Refused
from web.ports import Gateway, HistoryUnavailable, VenueHalted, ViewBehind
from web.throttle import Throttle

SUBJECTS: Final[Mapping[str, Callable[[Gateway, str], Awaitable[Subject | None]]]] = {
    receipts.KIND: receipts.subject,
    trades.KIND: trades.subject,
    contracts.KIND: contracts.subject,
    deliveries.KIND: deliveries.subject,
    statements.KIND: statements.subject,
    invoices.KIND: invoices.subject,
}
"""How what a seal names is found as it stands now."""

Finding = Literal["as_issued", "superseded", "not_genuine", "unavailable"]
Tone = Literal["good", "doubtful", "bad"]
Comparison = Literal["not_asked", "equal", "different", "wait"]

HEADLINES: Final[dict[Finding, Words]] = {
    "as_issued": Words("真实，内容未变", "Genuine, and as issued"),
    "superseded": Words("真实，但内容已变更", "Genuine, but superseded"),
    "not_genuine": Words("不是本交易中心出具", "Not genuine"),
    "unavailable": Words("暂时无法核对", "Cannot be verified at the moment"),
}
ADVICE: Final[dict[Finding, Words]] = {
    "as_issued": Words(
        "登记至今没有变化。请核对纸面上的编号、摘要与下列相同，并输入纸面上的数字核对。",
        "The register has not changed since. Compare number and digest with the paper, and type in the figure on it.",
    ),
    "superseded": Words(
        "出具之后登记已经变更，纸面内容不再准确。请向持有人索取新的文书。",
        "The register has changed since it was made. Ask its holder for a new document.",
    ),
    "not_genuine": Words(
        "文书可能被改动或伪造，也可能是抄录有误。请勿据此付款或交货。",
        "The document may have been altered or forged, or something was copied wrongly. Do not pay or deliver on it.",
    ),
    "unavailable": Words("签章真实；现时状态稍后再查。", "The seal is genuine; ask again for its present state."),
}
ALTERED: Final = Words("二维码真实，但数字不符", "The code is genuine, the figure is not")
ENDED: Final = Words("真实，但所载权利已终结", "Genuine, but what it stands for has ended")
COMPARISONS: Final[dict[Comparison, Words]] = {
    "not_asked": Words("", ""),
    "equal": Words("与登记相符", "it is what the register says"),
    "different": Words(
        "与登记不符，纸面可能被改动", "it is not what the register says: the paper may have been altered"
    ),
    "wait": Words("输错次数过多，请稍后再试", "too many wrong ones, try again later"),
}
TONES: Final[dict[Finding, Tone]] = {
    "as_issued": "good",
    "superseded": "doubtful",
    "not_genuine": "bad",
    "unavailable": "doubtful",
}
MARKS: Final[dict[Tone, str]] = {"good": "✓", "doubtful": "!", "bad": "✗"}

HERE: Final = Path(__file__).parent
FONT: Final = "noto-sans-sc-chinese-simplified-400-normal.woff"
DAY: Final = "public, max-age=86400"


class Verdict(Struct, frozen=True):
    """What the page says; a subject only where the seal is genuine and its state can be read."""

    finding: Finding
    seal: Seal | None = None
    subject: Subject | None = None
    digest: str = ""
    figure: Comparison = "not_asked"


async def examine(
    gateway: Gateway, seals: Seals, seal: Seal | None, figure: str = "", tries: Throttle | None = None
) -> Verdict:
    """Costs one hash for what is not genuine, a read of the thing otherwise.

    The figure is compared with the thing as it stands, so only where it stands as issued: what it has become since is
    not for the paper's holder to find out. Wrong ones are counted by seal.
    """
    if seal is None or seal.kind not in SUBJECTS or not seals.genuine(seal):
        return Verdict("not_genuine")
    try:
        subject = await SUBJECTS[seal.kind](gateway, seal.name)
    except (ViewBehind, HistoryUnavailable, VenueHalted, Refused):
        return Verdict("unavailable", seal)
    if subject is None:
        return Verdict("unavailable", seal)
    digest = seals.digest(subject.kind, subject.name, subject.facts)
    if digest != seal.digest:
        return Verdict("superseded", seal, subject, digest)
    return Verdict("as_issued", seal, subject, digest, _compare(subject, seal, figure, tries))


def _compare(subject: Subject, seal: Seal, figure: str, tries: Throttle | None) -> Comparison:
    if not figure.strip():
        return "not_asked"
    if tries is not None and tries.wait_s(seal.mac):
        return "wait"
    if plain_number(figure) == plain_number(subject.figure.text):
        return "equal"
    if tries is not None:
        tries.failed(seal.mac)
    return "different"


def plain_number(text: str) -> str:
    """A number as people type it, brought to one form: `1,200.50`, `１２００.５` and `1200.5` are the same."""
    digits = re.sub(r"[\s,，]", "", unicodedata.normalize("NFKC", text[:40]))
    whole, point, part = digits.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f"{point}{part}" if part else "")


def seal_of(kind: str, name: str, given: Mapping[str, str]) -> Seal | None:
    """The seal that an address carries; none where it has not the form of one."""
    number, digest, mac = given.get("n", ""), given.get("d", ""), given.get("m", "")
    if not (number.isascii() and number.isdigit() and len(number) <= 16):
        return None
    if max(len(kind), len(name), len(digest), len(mac)) > 64 or str(int(number)) != number:
        return None
    return Seal(kind, name, int(number), digest, mac)


@get("/verify/{kind:str}/{name:str}", include_in_schema=False, opt={"any_parameters": True})
async def verify(request: Anyone, kind: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """200 whatever the verdict: it is the answer. 503 while the state cannot be read. Messengers add parameters of
    their own to links, which are passed over.
    """
    web = services(request)
    given = request.query_params
    documents = web.documents
    verdict = await examine(
        gateway_of(request), documents.seals, seal_of(kind, name, given), given.get("v", ""), documents.tries
    )
    page = page_of(verdict, gateway_of(request).time_ns, Words(web.settings.venue_zh, web.settings.venue_en))
    return Response(
        page.encode(),
        status_code=503 if verdict.finding == "unavailable" else 200,
        media_type="text/html",
        headers={"cache-control": "no-store", "x-robots-tag": "noindex"},
    )


@get("/verify/{name:str}", include_in_schema=False)
async def verify_file(request: Anyone, name: FromPath[str]) -> Response[bytes]:
    """The page's style sheet; and the font, for a machine that has no Chinese one."""
    if name == "verify.css":
        return Response((HERE / name).read_bytes(), media_type="text/css", headers={"cache-control": DAY})
    font = services(request).settings.static / "fonts" / FONT
    if name == FONT and font.is_file():
        return Response(font.read_bytes(), media_type="font/woff", headers={"cache-control": DAY})
    raise NotFound


def page_of(verdict: Verdict, time_ns: int, venue: Words) -> str:
    """The page. Everything from outside is escaped."""
    tone, headline, advice = _judgement(verdict)
    rows: list[tuple[Words, Words]] = []
    subject = verdict.subject
    if subject is not None and verdict.seal is not None:
        rows = [
            (Words("文书", "document"), subject.title),
            (Words("编号", "number"), Words(subject.number)),
            (Words("现时状态", "state now"), subject.state),
            (Words("现时摘要", "digest now"), Words(grouped(verdict.digest))),
        ]
        if verdict.finding == "superseded":
            rows.append((Words("出具时摘要", "digest when made"), Words(grouped(verdict.seal.digest))))
        rows.append((Words("出具时序号", "made at sequence"), Words(str(verdict.seal.sequence))))
        rows.append((Words("核对时序号", "verified at sequence"), Words(str(subject.sequence))))
    rows.append((Words("核对时间", "verified at"), Words(moment(time_ns), "UTC+8")))
    return Template((HERE / "verify.html").read_text(encoding="utf-8")).substitute(
        tone=tone,
        mark=MARKS[tone],
        venue=_both(venue),
        headline=_both(headline),
        advice=_both(advice),
        form=_form(verdict),
        rows="\n".join(f"      <div><dt>{_both(label)}</dt><dd>{_both(value)}</dd></div>" for label, value in rows),
    )


def _judgement(verdict: Verdict) -> tuple[Tone, Words, Words]:
    """How the page looks, what it says first and what it advises; the worst there is to say goes first."""
    finding, subject = verdict.finding, verdict.subject
    if verdict.figure == "different":
        return "bad", ALTERED, ADVICE["not_genuine"]
    if subject is not None and not subject.valid:
        return "doubtful", ENDED, ADVICE[finding]
    return TONES[finding], HEADLINES[finding], ADVICE[finding]


def _form(verdict: Verdict) -> str:
    """Where the main figure of a document that holds is typed in, and what came of it."""
    seal, subject = verdict.seal, verdict.subject
    if verdict.finding != "as_issued" or seal is None or subject is None:
        return ""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(str(value))}">'
        for name, value in (("n", seal.sequence), ("d", seal.digest), ("m", seal.mac))
    )
    outcome = ""
    if verdict.figure != "not_asked":
        outcome = f'<p class="{verdict.figure}" role="status">{_both(COMPARISONS[verdict.figure])}</p>'
    return f"""<form action="/verify/{html.escape(seal.kind)}/{html.escape(seal.name)}">
        {hidden}
        <label for="figure">{_both(subject.figure.label)}</label>
        <div><input id="figure" name="v" inputmode="decimal" autocomplete="off" maxlength="40" required>
        <button>{_both(Words("核对", "Compare"))}</button></div>
        {outcome}
      </form>"""


def _both(words: Words) -> str:
    english = f' <span lang="en">{html.escape(words.en)}</span>' if words.en else ""
    return f"{html.escape(words.zh)}{english}"


PUBLIC = [verify, verify_file]
