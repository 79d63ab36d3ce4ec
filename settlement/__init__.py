"""The ledger, the warehouse receipts and the clearing of trades: who owns which fen and which gram."""
