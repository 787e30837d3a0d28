"""Loads and checks the settings: from the environment, `.env` or mounted files."""
