"""The two environments of the paper, many episodes at once."""
