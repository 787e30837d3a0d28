"""Start-up, back-off, clock, import speed, and running lookups in an asynchronous host."""
