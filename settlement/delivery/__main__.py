"""Write the table of states as the documents show it: `python -m settlement.delivery`."""

from settlement.delivery.states import as_markdown

print(as_markdown(), end="")
