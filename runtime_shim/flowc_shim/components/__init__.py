"""Component clients: what a step's component is called through, by plugin type."""
