"""Worlds. They know nothing of teachers or learners."""
