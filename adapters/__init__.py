"""Each module turns one outside thing into the core's terms, and nothing more. `wiring` joins them."""
