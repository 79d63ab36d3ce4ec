"""Delivery: goods leave the warehouse, for whoever has title to them and to nobody else.

    request ─► ordered ─► loading ─► loaded ─► handed over ─► accepted
       slot at a dock     truck by truck       the buyer's      by the buyer, or
       storage paid       over the scale       code at the gate by time

A truck is weighed first and handed over then. Until its driver has shown the buyer's code nothing is posted, and a
weighing can be taken back: a slip of the pen, or goods that the driver refuses. With the code its grams leave the
holder's account for the warehouse's, and his receipt is lighter by them; the last truck ends it. What that one leaves
unloaded has dried up or spoiled: it is recorded as shrinkage, and the buyer is told why. Where more is missing than the
warehouse's standard allows, or the goods are unfit, the delivery fails instead, and a buy-in (`settlement.buy_in`)
makes it good.

    office      the commands, time, state           states      where each step leads
      ordering  orders, and taking them back        register    the orders that have not ended, and when they are due
      docks     slots                               goods       what becomes of the receipts
      loading   trucks on the scale                 contracts   what contracts are told and asked
      gate      codes, hand-over, acceptance
      failing   what does not come
"""

from settlement.delivery.contracts import ContractDefault, ContractDeliveries
from settlement.delivery.office import Delivery

__all__ = ["ContractDefault", "ContractDeliveries", "Delivery"]
