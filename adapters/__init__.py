"""Each package adapts one external system or protocol to the core's ports; `composition` assembles them."""
