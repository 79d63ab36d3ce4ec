"""What a venue says of its disk, its snapshots and its own process."""

import os
from pathlib import Path

import pytest

from exchange.follower_handle import FollowerHandle
from exchange.garbage import Watch
from exchange.vitals import Vitals
from web.figures import Figures


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(bytes(1_000))
    return path


def vitals_of(journal: Path, monotonic: list[float], clock: float = 10_000.0) -> Vitals:
    return Vitals(journal, Watch(), monotonic=lambda: monotonic[0], clock=lambda: clock)


def test_the_newest_snapshot_and_how_old_it_is(journal: Path) -> None:
    monotonic = [100.0]
    vitals = vitals_of(journal, monotonic)
    follower = FollowerHandle(journal, "sqlite://")
    monotonic[0] = 107.5
    figures = vitals.add_to(Figures(), follower)
    assert (figures.uptime_seconds, figures.snapshot_sequence, figures.snapshot_age_seconds) == (7.5, 0, 7.5)
    folder = journal.parent / "snapshots"
    folder.mkdir()
    for sequence, written in ((9, 9_990), (1_000, 9_940), (20, 9_980)):
        path = folder / f"{sequence}.snapshot"
        path.write_bytes(b"")
        os.utime(path, (written, written))
    figures = vitals.add_to(Figures(), follower)
    assert (figures.snapshot_sequence, figures.snapshot_age_seconds) == (1_000, 60.0), "the newest by its sequence"


def test_the_journal_is_as_large_as_file_and_log(journal: Path) -> None:
    vitals = vitals_of(journal, [0.0])
    follower = FollowerHandle(journal, "sqlite://")
    assert vitals.add_to(Figures(), follower).journal_bytes == 1_000
    journal.with_name("journal.sqlite-wal").write_bytes(bytes(234))
    figures = vitals.add_to(Figures(), follower)
    assert figures.journal_bytes == 1_234
    assert figures.disk_free_bytes > 0
    journal.unlink()
    assert vitals.add_to(Figures(), follower).journal_bytes == 234, "nobody fails for a figure"


def test_what_the_follower_has_told_of_snapshots(journal: Path) -> None:
    follower = FollowerHandle(journal, "sqlite://")
    follower.snapshot_failures = 2
    follower.snapshot_seconds.observe(3.0)
    follower.snapshot_stood_seconds.observe(0.02)
    figures = vitals_of(journal, [0.0]).add_to(Figures(), follower)
    assert (figures.snapshot_failures, figures.snapshot_seconds.total, figures.snapshot_stood_seconds.total) == (
        *(2, 3.0, 0.02),
    )
