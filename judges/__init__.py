"""The medical judges."""
