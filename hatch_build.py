"""The wheel carries the terminal built, so that whoever installs it needs no Node."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TerminalBuildHook(BuildHookInterface[Any]):
    """Build the terminal before packing, unless it is built.

    An editable install packs nothing: there `./dev` builds.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or (root / "web" / "static" / "terminal" / "index.html").exists():
            return
        clone_npm = root / ".venv" / "bin" / "npm"
        npm = str(clone_npm) if clone_npm.exists() else shutil.which("npm")
        if npm is None:
            raise RuntimeError("the terminal is not built and npm is missing: run ./dev setup, or install Node 22.12")
        for command in (["ci"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=root / "web" / "terminal", check=True)


def _is_built(root: Path) -> bool:
    """A source archive holds one time for every file, so that what it brings counts as built."""
    built = root / "web" / "static" / "terminal" / "index.html"
    terminal = root / "web" / "terminal"
    sources = (path for path in terminal.rglob("*") if path.is_file() and "node_modules" not in path.parts)
    youngest = max((path.stat().st_mtime for path in sources), default=0)
    return built.exists() and youngest <= built.stat().st_mtime
