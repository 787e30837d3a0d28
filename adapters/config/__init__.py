"""Settings from the environment or `.env`, and their checks."""
