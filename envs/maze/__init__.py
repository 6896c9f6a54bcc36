"""The ring maze with a sparse goal."""
