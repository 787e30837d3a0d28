"""Keeps to itself what RabbitMQ's client library would print to stderr: it is told in our words, and holds addresses."""

import logging

_NOWHERE = logging.NullHandler()


def silence_amqp() -> None:
    """From now on, unless somebody logs; a second call changes nothing."""
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).addHandler(_NOWHERE)
