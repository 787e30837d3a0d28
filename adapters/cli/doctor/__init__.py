"""`inn doctor`: checks the settings and each server as a start does, and says what to correct."""
