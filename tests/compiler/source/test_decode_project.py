"""Project files."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.source.cron import CronError, check_cron
from flowc.source.decode_project import decode_project
from flowc.source.model import Needs
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from flowc.source.project_model import Project


def project_of(text: str, **environ: str) -> Project:
    diagnostics = Diagnostics()
    document = read(dedent(text), "flowc.yaml", diagnostics)
    assert document is not None
    project = decode_project(document, diagnostics, environ)
    assert project is not None and not diagnostics.found, [d.message for d in diagnostics]
    return project


def test_everything_a_project_says() -> None:
    project = project_of(
        """
        project: forecasting
        default_environment: dev
        flows:
          forecast:
            file: forecast.yaml
            triggers:
              - {cron: "0 2 * * *", timezone: Europe/Rome, input: {day: {$trigger: date}, n: 1}}
            strategy: {rule: first_only}
          report: {file: report.yaml}
        environments:
          dev: {stack: laptop, variables: {url: "sqlite:///${DB}"}}
          production:
            stack: production
            protected: true
            variables: {url: {secret: warehouse-url}}
            flows: {forecast: {triggers: [], strategy: {rule: sequential}}}
        bindings:
          - {step: forecast/train/fit, environments: [production], plugin: gpu, resources: big}
          - {step: report/a, resources: {gpu: 2}}
        """,
        DB="sales.db",
    )
    assert project.name == "forecasting"
    assert project.default_environment is not None
    assert project.default_environment.value == "dev"
    forecast = project.flows["forecast"]
    assert forecast.file.value == "forecast.yaml"
    (trigger,) = forecast.triggers
    assert (trigger.cron.value, trigger.input) == (
        "0 2 * * *",
        {"day": {"$trigger": "date"}, "n": 1},
    )
    assert trigger.timezone is not None and trigger.timezone.value == "Europe/Rome"
    assert forecast.strategy is not None and forecast.strategy.value == "first_only"
    assert project.flows["report"].triggers == ()
    dev, production = project.environments["dev"], project.environments["production"]
    assert dev.variables == {"url": "sqlite:///sales.db"} and not dev.protected
    assert production.protected and production.variables == {"url": {"secret": "warehouse-url"}}
    assert production.triggers == {"forecast": ()}
    assert project.triggers_of("forecast", None) == (trigger,)
    assert project.triggers_of("forecast", project.environments["dev"]) == (trigger,)
    assert project.triggers_of("forecast", production) == project.triggers_of("other", None) == ()
    strategy = project.strategy_of("forecast", production)
    assert strategy is not None and strategy.value == "sequential"
    assert project.strategy_of("report", production) is project.strategy_of("x", None) is None
    first, second = project.bindings
    assert first.plugin is not None and first.plugin.value == "gpu"
    assert [name.value for name in first.environments] == ["production"]
    assert first.resources is not None and first.resources.value == "big"
    assert second.resources is not None and second.resources.value == Needs(gpu=2)


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "0 2 * * *", "*/15 0-6/2 1,15 jan,JUL mon-fri", "0 0 31 12 7", "5  4 * * sun"],
)
def test_cron_expressions(text: str) -> None:
    check_cron(text)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("@daily", 0),
        ("* * * * * *", 0),
        ("60 * * * *", 0),
        ("0 24 * * *", 2),
        ("0 1 0 * *", 4),
        ("0 1 1 13 *", 6),
        ("0 1 1 1 8", 8),
        ("0 1 1 1 mon,foo", 12),
        ("0,,1 * * * *", 2),
        ("0, * * * *", 2),
        ("*/0 * * * *", 0),
        ("*/x * * * *", 0),
        ("5-1 * * * *", 0),
        ("? * * * *", 0),
        ("0 1 1 , *", 6),
    ],
)
def test_not_cron_expressions(text: str, offset: int) -> None:
    with pytest.raises(CronError) as error:
        check_cron(text)
    assert error.value.offset == offset
