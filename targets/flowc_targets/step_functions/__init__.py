"""AWS Step Functions: a JSONPath state machine whose tasks run the shim on Lambda or Batch."""

from flowc_targets.step_functions.target import TARGET

__all__ = ["TARGET"]
