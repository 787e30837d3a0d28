"""Consumes requests from RabbitMQ in two lanes, and replies; manages the queues and the dead letters."""
