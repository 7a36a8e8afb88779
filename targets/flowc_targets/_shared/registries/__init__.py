"""Asking container registries whether an image is there, with the user's own logins."""
