"""Composition root: assembles settings, adapters and the core.

Nothing connects at import: a process builds its parts once, after the fork, and closes them in reverse order.
"""
