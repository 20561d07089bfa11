"""Layer builder and dependency manager for Python on AWS Lambda."""

__version__ = "0.1.0"
