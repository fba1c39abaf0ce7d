"""A paper for tests of the machinery: NumPy alone, no data set."""
