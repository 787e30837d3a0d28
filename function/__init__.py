"""The core: how a person's INN is looked up. Pure: no sockets, clocks, environment, logs or threads."""
