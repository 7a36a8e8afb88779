"""Stepflow's blob HTTP API as a service of its own (``flowc-shim blob-api``)."""
