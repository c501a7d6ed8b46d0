"""One module a world: what happens in a recording, when, and where everything moves."""
