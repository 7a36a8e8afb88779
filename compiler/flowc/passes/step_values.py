"""Every value that is written in a step, for passes that look at all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_shim.contract.scopes import ROOT
from flowc_shim.language import values as v

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.ir.model import Program, Step


def own_values(step: Step) -> Iterator[v.Value]:
    """Yield the values of ``step`` that are evaluated in the scope it stands in."""
    yield from values_before_errors(step)
    if step.retry is not None and step.retry.condition is not None:
        yield step.retry.condition


def values_before_errors(step: Step) -> Iterator[v.Value]:
    """Yield those that read no error, so that it can be told beforehand what they reach."""
    yield from step.body.values()
    if step.cache is not None and step.cache.key is not None:
        yield step.cache.key
    if step.when is not None:
        yield step.when.value
    if step.on_error.default is not None:
        yield step.on_error.default


def scoped_values(program: Program) -> Iterator[tuple[str, v.Value]]:
    """Yield every value of ``program`` with the scope that it is evaluated in."""
    for step in program.steps.values():
        for value in own_values(step):
            yield step.scope, value
        for value in step.body.inner_values():
            yield step.path, value
    yield ROOT, program.output


def all_nodes(program: Program) -> Iterator[tuple[str, v.Value]]:
    """Yield every value and everything inside it, with its scope."""
    for scope, value in scoped_values(program):
        for node in v.walk(value):
            yield scope, node
