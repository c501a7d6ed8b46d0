"""Simulated recordings with known truth: simulate, render, encode, and the raw layouts of eight datasets."""
