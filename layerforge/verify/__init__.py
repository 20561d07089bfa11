"""Layers as functions meet them: imported, started and invoked in a container like Lambda's."""
