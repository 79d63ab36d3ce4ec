"""The client's own wheel: what it carries is enough to read a venue, and it needs nothing else of this house."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.marketdata.small_venue import SmallVenue, run_beside

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENT = ROOT / "marketdata" / "client"

READS_A_BOOK = """
import asyncio, sys

HOUSE = {"exchange", "web", "settlement", "migrations"}
FOREIGN = {"sqlalchemy", "litestar", "uvicorn", "alembic", "polars", "pandas", "prometheus_client"}

from marketdata.client import FeedClient, History, SyncFeedClient, to_frame

async def read(url):
    async with FeedClient(url) as client:
        await client.subscribe("book", ["A"])
        await client.synchronised("book", "A")
        print(client.books["A"].bids())

asyncio.run(read(sys.argv[1]))
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & (HOUSE | FOREIGN), loaded & (HOUSE | FOREIGN)
assert "marketdata.feed" not in sys.modules
import marketdata
print(marketdata.__file__)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `pip install ./marketdata/client` makes it, unpacked."""
    folder = tmp_path_factory.mktemp("client")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=CLIENT,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    (made,) = folder.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_the_client_and_what_it_stands_on(installed: Path) -> None:
    files = {str(path.relative_to(installed)) for path in installed.rglob("*.*") if ".dist-info" not in str(path)}
    own = {f"marketdata/client/{path.name}" for path in CLIENT.glob("*.py")}
    floor = {f"matching/{path.name}" for path in (ROOT / "matching").glob("*.py")}
    around = {"marketdata/__init__.py", "marketdata/depth.py", "marketdata/messages.py", "marketdata/wire.py"}
    assert files - {"marketdata/py.typed", "matching/py.typed", "marketdata/client/pyproject.toml"} == (
        own | floor | around
    )
    assert (installed / "marketdata" / "py.typed").is_file()


async def test_it_reads_a_venue_alone(installed: Path) -> None:
    async with SmallVenue().living() as venue:
        said = await run_beside([sys.executable, "-P", "-c", READS_A_BOOK, venue.url], installed)
    assert said == f"[(250, 400, 1)]\n{installed}/marketdata/__init__.py\n"


def test_it_asks_for_the_same_as_the_whole() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    alone = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert alone["version"] == whole["version"]
    assert alone["requires-python"] == whole["requires-python"]
    assert set(alone["dependencies"]) <= set(whole["dependencies"])
    extras = whole["optional-dependencies"]
    assert alone["optional-dependencies"] == {name: extras[name] for name in ("polars", "pandas", "notebook")}
