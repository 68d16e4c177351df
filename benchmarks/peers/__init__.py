"""What others do, as workers of the benchmark: each runs in an environment without paperlib."""
