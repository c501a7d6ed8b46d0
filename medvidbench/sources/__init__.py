"""Raw datasets to recordings: one file per source."""
