"""Encryption of stored data; and a process's cache, pending saves and claims."""
