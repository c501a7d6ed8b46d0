"""Ways to ask a model; blind baselines."""
