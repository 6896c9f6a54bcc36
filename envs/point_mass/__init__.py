"""The point mass that has to pass a gate."""
