"""What the commands do once their options are read: load, run, print."""
