"""Settings from the environment, and their checks."""
