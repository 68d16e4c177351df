"""Agents that play in the environments: their networks, trainings and matches."""
