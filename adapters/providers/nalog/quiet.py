"""Keeps queries out of urllib3's own log, which names whole URLs, those that hold persons and keys too."""

import logging

# Those of its modules that log addresses.
_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)


class _NoQueries(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_without_query(arg) for arg in record.args)
        # The traceback of a reply's malformed headers quotes them.
        record.exc_info = None
        return True


_NO_QUERIES = _NoQueries()


def silence_urls() -> None:
    """Cut every query from what urllib3 logs from now on; a second call changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_NO_QUERIES)


def _without_query(arg: object) -> object:
    if arg is None or isinstance(arg, int | float):
        return arg
    if isinstance(arg, BaseException):
        # Its text may quote the reply, and the reply the request.
        return type(arg).__name__
    return str(arg).partition("?")[0]
