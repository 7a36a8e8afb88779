"""What all tests share: no silent skips in CI, and the conformance matrix."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from tests.servers.postgres_server import PostgresServer, bin_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.engines.argo.cluster import Cluster
    from tests.engines.argo.engine import ArgoEngine

collect_ignore = [] if os.environ.get("FLOWC_PODMAN") else ["containers"]
"""Real containers: `make test-podman`; a stand-in for their command line is in the default run."""


@pytest.fixture(scope="session")
def postgres_binaries() -> None:
    bin_folder()


@pytest.fixture(scope="session")
def postgres_server(postgres_binaries: None) -> Iterator[PostgresServer]:
    """A real server for all tests of one worker; each takes a schema of its own."""
    server = PostgresServer.make()
    yield server
    server.remove()


MARKS = {"passed": "ok", "failed": "FAIL", "skipped": "skip"}
COLUMNS = {
    "test_local[step]": "local step",
    "test_local[auto]": "local auto",
    "test_step_functions[step]": "sfn step",
    "test_step_functions[auto]": "sfn auto",
    "test_argo[step]": "argo step",
    "test_argo[auto]": "argo auto",
}


@pytest.fixture(scope="session")
def argo_cluster() -> Iterator[Cluster]:
    """A cluster with Argo's own controller; see tests/engines/argo."""
    from tests.engines.argo.cluster import shared_cluster

    with shared_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def argo_engine(argo_cluster: Cluster) -> Iterator[ArgoEngine]:
    """A namespace of its own on the cluster."""
    from tests.engines.argo.engine import ArgoEngine

    made = ArgoEngine(argo_cluster, f"flowc-{uuid4().hex[:8]}")
    yield made
    made.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix", action="store_true", help="print the conformance matrix")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """In CI a skip is a failure: a check that did not run has not passed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"


def _cell(nodeid: str) -> tuple[str, str] | None:
    file, _, name = nodeid.partition("::")
    if "tests/conformance/test_" not in file or not name.endswith(("-step]", "-auto]")):
        return None
    function, _, parameters = name.rstrip("]").partition("[")
    case, _, granularity = parameters.rpartition("-")
    return case, f"{function}[{granularity}]"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the matrix: a row per case, a column per target and granularity."""
    if not config.getoption("--matrix"):
        return
    rows: dict[str, dict[str, str]] = {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, []):
            cell = _cell(report.nodeid)
            if cell is not None:
                rows.setdefault(cell[0], {})[cell[1]] = mark
    used = [column for column in COLUMNS if any(column in row for row in rows.values())]
    terminalreporter.section("conformance")
    terminalreporter.write_line(f"{'':<64}" + "".join(f"{COLUMNS[c]:>12}" for c in used))
    for case, row in sorted(rows.items()):
        terminalreporter.write_line(
            f"{case[:63]:<64}" + "".join(f"{row.get(c, '-'):>12}" for c in used)
        )
    differing = sum(1 for row in rows.values() if any(mark != "ok" for mark in row.values()))
    terminalreporter.write_line(f"{len(rows)} cases, {differing} with a differing cell")
