"""Whether a benchmark can be trusted: leaks between its sides, repeats, balance, lengths and rates."""
