"""Benchmark workers that run other libraries, in environments without paperlib."""
