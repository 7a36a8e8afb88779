"""Stepflow's built-in components, with its inputs and outputs."""
