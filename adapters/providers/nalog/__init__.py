"""The tax service (fns-protocol.md, 1 to 4)."""
