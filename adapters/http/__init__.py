"""The CloudEvents HTTP function, its server and its probes."""
