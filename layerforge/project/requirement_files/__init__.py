"""The formats in which requirements are written: one module per format, and what they share.

Every reader returns `Contents`; `layerforge.project.requirements` puts them together.
"""
