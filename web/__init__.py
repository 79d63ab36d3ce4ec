"""HTTP, sessions and the terminal: what people and programs speak to."""
