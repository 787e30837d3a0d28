"""`inn doctor`: checks the settings and each server, a line each, and says what to correct.

Indexes and queues that are missing are created, as a start would: whether that works is part of the check. The tax
service gets one request for its form's page, without personal data.
"""
