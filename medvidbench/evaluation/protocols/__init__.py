"""The two evaluation protocols."""
