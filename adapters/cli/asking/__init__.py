"""The client's side of the contract: requests go out and replies come back, over HTTP or RabbitMQ."""
