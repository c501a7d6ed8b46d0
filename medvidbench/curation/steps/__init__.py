"""The stages of a build: plan, frames, prompt, generate, validate, shard."""
