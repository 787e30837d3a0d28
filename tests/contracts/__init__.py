"""What every implementation of a port promises, written once: a subclass only says how to get one."""
