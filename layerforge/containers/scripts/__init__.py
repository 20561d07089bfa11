"""Programs for the inside of a container: standard library only, Python 3.10 and later, sent as text."""
