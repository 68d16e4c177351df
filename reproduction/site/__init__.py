"""Web pages made from executed notebooks and their results."""
