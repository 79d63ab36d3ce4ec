"""Write the table of states as the documents show it: `python -m settlement.receipts`."""

from settlement.receipts.states import as_markdown

print(as_markdown(), end="")
