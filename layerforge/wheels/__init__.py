"""Reading wheels: central directory, metadata, and where each file goes in a layer."""
