"""Pure metric functions: arrays in, arrays out."""
