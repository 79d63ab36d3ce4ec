"""Record the golden journal of this engine version: once for a release, never to make a failing test pass.

    python -m tests.golden.journals.record [--again]

A story of a whole venue, every office at work, as a venue would have journaled it, and the snapshot that its shadow
would have taken halfway. What the story's rules led to is fixed by them: events byte for byte, the hash of the state at
each tenth row and at the end, the form of the state. `--again` replaces what no release has been made with.
"""

import sys
from contextlib import closing
from pathlib import Path

from exchange.bell import Heard
from exchange.engine import ENGINE_VERSION, Engine
from exchange.journal import Tip, seal
from exchange.publication import Publication
from exchange.recovery import write
from exchange.replay import run_batch
from exchange.snapshot import Snapshots
from exchange.sqlite_journal import SqliteJournal
from tests.exchange.whole_venue.story import Story
from tests.exchange.witnessing import entries_of

HERE = Path(__file__).resolve().parent
SEED, COMMANDS, HASHED = 5, 500, 3


def main(arguments: list[str]) -> int:
    journal_path = HERE / f"{ENGINE_VERSION}.sqlite"
    snapshot_path = HERE / f"{ENGINE_VERSION}.snapshot"
    if journal_path.exists() and arguments != ["--again"]:
        print(f"version {ENGINE_VERSION} is recorded: a golden journal is never recorded again", file=sys.stderr)
        return 1
    journal_path.unlink(missing_ok=True)
    entries = entries_of(Story(SEED, audited=1_000).run(COMMANDS).told)
    engine, witnesses = Engine(), (Publication(), Heard())
    with closing(SqliteJournal(journal_path, venue_id="golden", created_ns=1)) as journal:
        for number, entry in enumerate(entries):
            run_batch(engine, entry.commands, entry.first_sequence, entry.time_ns)
            hashed = number % HASHED == 0 or entry is entries[-1]
            record = seal(entry, journal.tip().chain, engine.state_hash() if hashed else None)
            journal.append(record)
            for witness in witnesses:
                witness.hear(entry)
            if number == len(entries) // 2:
                row = Tip(record.last_sequence, record.time_ns, record.chain)
                header = write(Snapshots(HERE), engine, witnesses, row, "golden")
                Snapshots(HERE).path_of(header.sequence).replace(snapshot_path)
    journal_path.with_name(f"{journal_path.name}.lock").unlink()
    print(f"{journal_path.name}: {engine.sequence} commands, {journal_path.stat().st_size >> 10} KiB")
    print(f"{snapshot_path.name}: {snapshot_path.stat().st_size >> 10} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
