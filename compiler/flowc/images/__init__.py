"""Container images that a stack describes: Dockerfile, what goes in, a name by content."""
