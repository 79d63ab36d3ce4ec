"""The files that a browser loads: the built terminal, and the documentation page.

What is no route of the API may be a file of the terminal or an address that the terminal itself understands (`/trade`,
`/warehouse`): the latter get its one page, where the reader would take a page. Names are looked up in a list made at
the start, so no path leads out of the folder.
"""

import mimetypes
from pathlib import Path

from litestar import Response

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

MIME = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".map": "application/json",
    ".html": "text/html",
}

TABS = {
    "grower": ("lots", "list", "sell", "account"),
    "warehouse": ("intake", "load_out", "stock", "climate"),
    "operator": ("overview", "approvals", "bank", "instruments"),
    "money": ("account", "withdrawals", "statement"),
    "data": ("index", "statistics", "downloads", "prices"),
}
"""What may follow a screen that has tabs."""
SCREENS = (*TABS, "trade", "contracts", "receipts", "deliveries", "market", "more")
"""First parts of the terminal's addresses; what else comes after them is the terminal's to read."""

NOT_BUILT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Banana exchange · 香蕉交易所</title>
<h1>The terminal is not built</h1>
<p>The exchange itself is running. In a clone, <code>./dev setup</code> builds the terminal.</p>
<p>The API is described at <a href="/docs">/docs</a>.</p>
<h1 lang="zh-CN">终端尚未构建</h1>
<p lang="zh-CN">交易所已在运行。在源码目录中执行 <code>./dev setup</code> 即可构建终端。</p>
<p lang="zh-CN">接口说明见 <a href="/docs">/docs</a>。</p>
</html>
"""


class Folder:
    """A folder's files by their addresses; read when first asked for, then kept."""

    def __init__(self, root: Path, address: str) -> None:
        self._files: dict[str, Path] = {}
        self._kept: dict[str, bytes] = {}
        if root.is_dir():
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    self._files[address + path.relative_to(root).as_posix()] = path

    def __contains__(self, address: str) -> bool:
        return address in self._files

    def read(self, address: str) -> bytes:
        content = self._kept.get(address)
        if content is None:
            content = self._kept[address] = self._files[address].read_bytes()
        return content

    def answer(self, address: str) -> Response[bytes]:
        """Files under `assets` carry a hash in their name and never change; all others are asked for again."""
        hashed = "/assets/" in address
        return Response(
            self.read(address),
            media_type=_mime(address),
            headers={"cache-control": IMMUTABLE if hashed else REVALIDATE},
        )


class Terminal:
    """The trading terminal as files."""

    def __init__(self, static: Path) -> None:
        self._folder = Folder(static / "terminal", "/")

    def find(self, path: str, accept: str | None = None) -> Response[bytes] | None:
        """A file, or the page for an address of the terminal's own; none for what is neither."""
        if path in self._folder and path != "/index.html":
            return self._folder.answer(path)
        if not (_is_screen(path) and _takes_pages(accept)):
            return None
        if "/index.html" in self._folder:
            return self._folder.answer("/index.html")
        return Response(NOT_BUILT.encode(), media_type="text/html", headers={"cache-control": REVALIDATE})


def _is_screen(path: str) -> bool:
    """Whether the terminal routes the address: what `parseRoute` in `terminal/src/lib/route.ts` says, and the start."""
    if path == "/index.html":
        return True
    parts = [part for part in path.split("/") if part]
    if not parts:
        return True
    tabs = TABS.get(parts[0])
    if tabs is not None:
        return len(parts) == 1 or parts[1] in tabs
    return parts[0] in SCREENS


def _takes_pages(accept: str | None) -> bool:
    return accept is None or any(kind in accept.lower() for kind in ("text/html", "text/*", "*/*"))


def _mime(address: str) -> str:
    suffix = Path(address).suffix
    return MIME.get(suffix) or mimetypes.guess_type(address)[0] or "application/octet-stream"
