"""What paperlib does, as workers of the benchmark."""
