"""The `inn` command: a module a sub-command; `main.py` runs them."""
