"""Tables of what was planned and built."""
