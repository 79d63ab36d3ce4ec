"""`python -m settlement.contracts`: the table of states as it stands in the documents."""

from settlement.contracts.states import table

if __name__ == "__main__":
    print(table())
