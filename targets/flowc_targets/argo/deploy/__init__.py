"""Deploying to Kubernetes: server-side apply of documents, and looking at Workflows."""
