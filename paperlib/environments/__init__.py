"""The paper's two environments, and poker; each steps many episodes at once."""
