"""Embeddings of agents' policies from a handful of episodes, after Grover et al. (ICML 2018)."""
