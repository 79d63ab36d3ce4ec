"""Runs a notebook's code without Jupyter: cell after cell in one namespace, a last expression shown.

`python -m tests.exchange.notebook FILE FEED WEB` runs it against a venue and writes what it showed into the file.
"""

import ast
import base64
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


class Cell:
    """One cell of code and what it showed when it was run."""

    def __init__(self, number: int, source: str) -> None:
        self.number = number
        self.source = source
        self.printed = ""
        self.value: Any = None

    def run(self, names: dict[str, Any]) -> None:
        """Whatever it raises is told with the cell's source."""
        tree = ast.parse(self.source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(tree, f"cell {self.number}", "exec"), names)
                if last is not None:
                    assert isinstance(last, ast.Expr)
                    self.value = eval(compile(ast.Expression(last.value), f"cell {self.number}", "eval"), names)
        except Exception as error:
            raise AssertionError(f"cell {self.number} fails: {error!r}\n{self.source}") from error
        self.printed = printed.getvalue()

    def outputs(self) -> list[dict[str, Any]]:
        """What it showed, as the notebook's format (4.5) has it."""
        shown: list[dict[str, Any]] = []
        if self.printed:
            shown.append({"output_type": "stream", "name": "stdout", "text": self.printed})
        if self.value is not None:
            data: dict[str, Any] = {"text/plain": repr(self.value)}
            if hasattr(self.value, "savefig"):
                picture = io.BytesIO()
                self.value.savefig(picture, format="png", dpi=80, metadata={"Software": None})
                data["image/png"] = base64.b64encode(picture.getvalue()).decode()
            elif hasattr(self.value, "_repr_html_"):
                data["text/html"] = self.value._repr_html_()
            shown.append(
                {"output_type": "execute_result", "execution_count": self.number, "metadata": {}, "data": data}
            )
        return shown


def run(notebook: dict[str, Any]) -> list[Cell]:
    """All cells of code, in order."""
    names: dict[str, Any] = {"__name__": "__main__"}
    sources = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    cells = [Cell(number, "".join(source)) for number, source in enumerate(sources, 1)]
    for cell in cells:
        cell.run(names)
    return cells


def main(path: Path, feed: str, web: str) -> None:
    os.environ.update(BANANA_FEED=feed, BANANA_WEB=web, MPLBACKEND="agg")
    notebook = json.loads(path.read_text())
    ran = iter(run(notebook))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            done = next(ran)
            cell["execution_count"], cell["outputs"] = done.number, done.outputs()
    path.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
