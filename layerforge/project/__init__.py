"""What the user has: config, templates, requirement files, discovery -> Project."""
