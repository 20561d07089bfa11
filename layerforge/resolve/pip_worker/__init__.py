"""The process that does what pip does: the only package that imports pip and piptools.

Started by `layerforge.resolve.pip_client`. Everything it is asked comes as JSON lines on stdin, so
that no credentials stand on a command line; it ends when stdin does.
"""
