"""The only place that joins settings, adapters and the core.

Nothing here connects at import: a process builds what it needs once, after it was forked, and
closes it in the reverse order.
"""
