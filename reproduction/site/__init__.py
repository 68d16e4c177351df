"""Web pages made of what was run."""
