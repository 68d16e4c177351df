"""Agents that act in the environments: their networks, training and matches."""
