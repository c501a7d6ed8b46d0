"""Frames with their times: reading them from video and frame files, drawing on them, keeping each one once."""
