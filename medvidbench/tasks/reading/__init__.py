"""Tolerant readers of model answers: text in, typed content or `Unparsed(reason)` out, never an exception."""
