"""Encryption of what is stored, and what one process keeps of answers, claims and tickets."""
