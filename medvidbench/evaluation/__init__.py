"""Answers to scores: joining, protocols, results."""
