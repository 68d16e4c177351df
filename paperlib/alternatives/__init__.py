"""Encoders and objectives that are not the paper's, written against the same two protocols."""
