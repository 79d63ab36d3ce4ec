"""Who works on the views: followers share them, a rebuild has them alone.

The lock is a file in the data folder that the kernel lets go of with the process, so that no crash leaves one behind.
Two followers are no danger to the rows (`exchange.projector.CursorMoved`); a rebuild beside one would be.
"""

import fcntl
import os
from pathlib import Path


class ViewsHeld(Exception):
    """Somebody else works on the views; one line that says who, as far as that is known."""


def hold_views(journal_path: Path, *, alone: bool) -> int:
    """A descriptor: whoever closes it, or ends, lets go. Raises `ViewsHeld`, `OSError`."""
    path = journal_path.with_name("views.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        holder = "a follower brings the views up to date" if alone else "the views are being rebuilt"
        raise ViewsHeld(f"{path.parent}: {holder}; try again when it has ended") from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
