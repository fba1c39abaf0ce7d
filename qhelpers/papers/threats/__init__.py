"""Paper 2: in a line, what it claims of which machines."""
