"""The office for tests of the web layer."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.web.office import Office


@pytest_asyncio.fixture
async def office() -> AsyncIterator[Office]:
    opened = await Office().open()
    yield opened
    await opened.close()
