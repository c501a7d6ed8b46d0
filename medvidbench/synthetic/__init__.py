"""Simulated recordings with known truth, written in the raw layouts."""
