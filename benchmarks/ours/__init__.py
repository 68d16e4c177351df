"""Benchmark workers that run paperlib."""
