"""The leaderboard as a folder of pages that opens from disk and from any static host."""
