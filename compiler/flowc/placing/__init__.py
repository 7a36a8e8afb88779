"""Placing: what a stack, an environment and a project add to a Program."""

from flowc.placing.place import place

__all__ = ["place"]
