"""The consumer: requests from RabbitMQ, answered in two lanes, nothing lost."""
