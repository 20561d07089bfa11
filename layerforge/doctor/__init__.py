"""What this machine has of what a project needs: engine, images, interpreters, indexes, cache."""
