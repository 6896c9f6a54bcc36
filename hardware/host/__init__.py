"""The exported C on the user's own computer: compiled, compared, fuzzed and flown."""
