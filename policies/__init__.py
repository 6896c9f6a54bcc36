"""Policies as files: a network with its meaning, and nothing of a learner."""
