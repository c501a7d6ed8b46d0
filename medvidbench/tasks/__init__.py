"""The eight tasks: ask, write, read, score, reward."""
