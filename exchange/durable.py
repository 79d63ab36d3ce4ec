"""Putting on the disk what was written."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """A file with its size, or a folder with the names in it: a new file's name is durable only when its folder is.

    Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
