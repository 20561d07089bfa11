"""Sources compiled into wheels in the target's build image."""
