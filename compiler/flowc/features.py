"""The features of the language, as data: every target says of each how it supports it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """A row of the support matrix: its name, what it is, and where the language describes it."""

    name: str
    description: str
    section: str


FEATURES: tuple[Feature, ...] = (
    Feature("components", "steps that call a component through the stack's routes", "3"),
    Feature("data", "values with `$step`, `$input`, `$if`, `$coalesce`, paths", "2"),
    Feature("expressions", "`$expr`, `when` and `retry.if` expressions", "6"),
    Feature("variables", "`$variable`, defaults, `env_var`", "2"),
    Feature("secrets", "variables with `is_secret`, by `{secret: name}`", "2"),
    Feature("laziness", "only needed steps run", "3"),
    Feature("needs", "waiting without data", "3"),
    Feature("when", "conditions that skip a step", "3"),
    Feature("join", "`join: any`, `onSkip`", "4"),
    Feature("retry", "budgets by error class", "5"),
    Feature("onError", "defaults instead of failures, crashes included", "5"),
    Feature("timeout", "per attempt, running time only", "3"),
    Feature("failure", "`failAfterRunning` and `failFast`", "4"),
    Feature("foreach", "loops over items known at run time, nested, products, tolerance", "7"),
    Feature("resources", "requirements on classes and containers", "3"),
    Feature("builtin", "class type `builtin`", "10"),
    Feature("mock", "class type `mock`", "10"),
    Feature("python", "class type `python`", "10"),
    Feature("command", "class type `command`", "10"),
    Feature("container", "class type `container`", "10"),
    Feature("stepflow-url", "class type `stepflow` by `url`", "10"),
    Feature("stepflow-command", "class type `stepflow` by `command`", "10"),
    Feature("stepflow-deploy", "class type `stepflow` by `deploy`, with its balancer", "10"),
    Feature("deployments", "services that come up and go down together", "10"),
    Feature("locations", "a program in several places at once", "10"),
    Feature("blob-api", "an endpoint where component servers keep blobs", "10"),
    Feature("dynamic-flows", "flows given as data: `eval`, `map`, `iterate`, `runs/submit`", "10"),
    Feature("granularity-auto", "several steps in one unit", "10"),
    Feature("while", "`while` loops", "7"),
    Feature("cache", "reuse of results", "3"),
    Feature("emit", "signals after a step", "3"),
    Feature("finally", "steps that run after everything", "4"),
    Feature("collect", "`collect: records`", "7"),
    Feature("run-timeout", "`timeout` of the whole run", "3"),
    Feature("trigger-values", "`$trigger` and `trigger`: what started the run", "2"),
    Feature("triggers", "schedules", "9"),
    Feature("artifacts", "`$artifact`, `files`", "2"),
    Feature("ports", "inputs bound to files that are there", "10"),
    Feature("sub-flows", "`flow:`, part of the run around it", "8"),
    Feature("sub-flow-timeout", "`timeout` of a sub-flow", "8"),
    Feature("detached", "`detached: true`: a run of its own", "8"),
    Feature("waits", "`await` for signals and approvals", "8"),
)
