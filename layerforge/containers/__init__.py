"""Container engines and images: what is run in them is decided elsewhere."""
