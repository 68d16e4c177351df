"""The two environments of the paper, and poker, all of them many episodes at once."""
