"""The experiments of the paper, one question a file."""
