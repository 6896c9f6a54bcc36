"""Fixed point: quantisation with proven bounds, the integer reference, the integer C code."""
