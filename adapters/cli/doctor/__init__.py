"""`inn doctor`: settings and connections, a line each, with what to mend.

What a start would make, indexes and queues, it makes too: whether they can be made is part of what
is looked at. The tax service gets one request for its form's page, without personal data.
"""
