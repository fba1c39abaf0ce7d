"""Paper NUMBER: in a line, what it claims of which machines."""
