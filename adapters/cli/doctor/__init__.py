"""`inn doctor`: checks the settings and each server, a line each, and says what to correct.

Settings are checked as at a start, and so are the servers: indexes and queues that are missing are created.
"""
