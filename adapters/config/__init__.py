"""Loads and checks the settings: from the environment, `.env`, mounted files or AWS Secrets Manager."""
