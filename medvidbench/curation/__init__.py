"""Recordings to a benchmark folder."""
