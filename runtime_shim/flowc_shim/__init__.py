"""The run-time part of flowc: what decides, on every target, in one code base."""

__version__ = "0.1.0"
