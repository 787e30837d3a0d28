"""The soak: a mixed load while servers and processes are killed, paused and restarted, and what must hold at its end."""
