"""Project: flows, environments, triggers and bindings, as decoded from ``flowc.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.diagnostics import Span
    from flowc.source.bindings import Binding
    from flowc.source.model import At
    from flowc_shim.contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Trigger:
    """A cron trigger: five-field expression, IANA time zone, input with ``$trigger`` forms."""

    cron: At[str]
    timezone: At[str] | None
    input: Json
    span: Span


@dataclass(frozen=True, slots=True)
class ProjectFlow:
    """A flow of the project: its file, and when and how often it may run.

    ``strategy``: the rule by which its runs meet each other.
    """

    name: str
    file: At[str]
    triggers: tuple[Trigger, ...] = ()
    strategy: At[str] | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A named pairing of a stack with variables. ``triggers``: per-flow overrides."""

    name: str
    stack: At[str]
    span: Span
    protected: bool = False
    variables: Mapping[str, Json] = field(default_factory=dict)
    variable_spans: Mapping[str, Span] = field(default_factory=dict)
    triggers: Mapping[str, tuple[Trigger, ...]] = field(default_factory=dict)
    strategies: Mapping[str, At[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """A whole project file."""

    name: str
    file: str
    span: Span
    flows: Mapping[str, ProjectFlow]
    environments: Mapping[str, Environment]
    default_environment: At[str] | None = None
    bindings: tuple[Binding, ...] = ()

    def triggers_of(self, flow: str, environment: Environment | None) -> tuple[Trigger, ...]:
        """Return what starts ``flow``: what the environment says of it, or else the project."""
        if environment is not None and flow in environment.triggers:
            return environment.triggers[flow]
        return self.flows[flow].triggers if flow in self.flows else ()

    def strategy_of(self, flow: str, environment: Environment | None) -> At[str] | None:
        """Return the rule for runs of ``flow``: the environment's, or else the project's."""
        if environment is not None and flow in environment.strategies:
            return environment.strategies[flow]
        return self.flows[flow].strategy if flow in self.flows else None
