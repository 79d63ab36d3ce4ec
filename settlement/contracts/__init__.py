"""Contracts: a trade that is not settled at once, but by payment, tender, weighing and acceptance, each in its term.

office          the commands, trades, state
  performance   paying, tendering, title            states     what may happen when, and where it leads
  collection    what the delivery office tells      terms      what a venue chooses, and which days follow
  weighing      quantity and price                  register   the live contracts, and when they are due
  quality       objections, invoices                money      what a contract holds
  arbitration   disputes, force majeure             goods      receipts set aside, passed on, given back
  lateness      what time brings
  endings       who gets what is left
"""

from settlement.contracts.office import Contracts
from settlement.contracts.register import Deliveries

__all__ = ["Contracts", "Deliveries"]
