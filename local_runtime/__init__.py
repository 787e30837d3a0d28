"""The same function with nothing installed: an emulated tax service, an embedded store, a page to play with."""
