"""The process that prints: started when needed, never in the way, gone when the venue is."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from tests.web.pdf import Pdf
from tests.web.test_documents_on_paper import PAPER
from web.documents.press import MAXIMUM_WAITING, Press
from web.errors import Problem, Unavailable
from web.settings import STATIC


@pytest_asyncio.fixture
async def press() -> AsyncIterator[Press]:
    started = Press(STATIC / "fonts")
    yield started
    await started.close()


async def test_many_papers_at_once_are_printed_by_one_process(press: Press) -> None:
    assert press.pid is None, "nothing is started for nobody"
    papers = [replace(PAPER, number=f"N-{number}") for number in range(8)]
    printed = await asyncio.gather(*(press.print(paper) for paper in papers))
    pid = press.pid
    assert ["N-" + str(number) in Pdf(content).text for number, content in enumerate(printed)] == [True] * 8
    await press.print(PAPER)
    assert press.pid == pid


async def test_a_press_that_dies_is_replaced(press: Press) -> None:
    await press.print(PAPER)
    first = press.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    # Whoever comes before its end is noticed is told to try again.
    async with asyncio.timeout(10):
        while (printed := await _tried(press)) is None:
            await asyncio.sleep(0.01)
    assert "SX1" in Pdf(printed).text
    assert press.pid != first


async def test_a_paper_that_breaks_the_press_costs_itself_alone(press: Press) -> None:
    """No QR code holds so much: a bug, but nobody else's document."""
    with pytest.raises(Unavailable):
        await press.print(replace(PAPER, address="https://venue.example/" + "x" * 5_000))
    assert "SX1" in Pdf(await press.print(PAPER)).text


async def test_who_gives_up_waiting_leaves_nothing_behind(press: Press) -> None:
    """Half an answer would be the next one's beginning."""
    await press.print(PAPER)
    for number in range(3):
        asking = asyncio.create_task(press.print(replace(PAPER, number=f"gone-{number}")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert "SX1-2026" in Pdf(await press.print(PAPER)).text


async def test_too_many_at_once_are_told_to_come_back(press: Press) -> None:
    asking = [asyncio.create_task(press.print(PAPER)) for _ in range(MAXIMUM_WAITING + 1)]
    results = await asyncio.gather(*asking, return_exceptions=True)
    refused = [each for each in results if isinstance(each, Unavailable)]
    assert [each.code for each in refused] == ["busy"]
    assert sum(isinstance(each, bytes) for each in results) == MAXIMUM_WAITING


async def test_the_press_goes_with_its_venue(press: Press) -> None:
    """Its input ends when whoever started it does."""
    await press.print(PAPER)
    pid = press.pid
    assert pid is not None
    await press.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await press.close()


async def test_without_fonts_it_says_so_and_goes_on(tmp_path: Path) -> None:
    press = Press(tmp_path)
    for _ in range(2):
        with pytest.raises(Problem, match="fonts_missing"):
            await press.print(PAPER)
    await press.close()


async def _tried(press: Press) -> bytes | None:
    try:
        return await press.print(PAPER)
    except Unavailable:
        return None
