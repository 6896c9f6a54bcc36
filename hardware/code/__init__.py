"""The generated C."""
