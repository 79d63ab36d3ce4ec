"""Documents that leave the venue on paper or as PDF: receipts, confirmations, contracts, delivery orders, statements.

    facts ─► paper ─► press (a process) ─► PDF with a QR code ─► /verify: genuine? still so?

Each document has a module that finds its facts and words them. A `Paper` says what stands on the page, `sheet` draws
it, in a process of its own: drawing takes some ten milliseconds that the venue's loop has not got to give.
"""
