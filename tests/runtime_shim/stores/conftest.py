from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.servers import gcs_stand_in
from tests.servers.azurite import CONTAINER, azurite
from tests.servers.gcs_stand_in import google
from tests.servers.postgres_server import PASSWORD, PostgresServer

from flowc_shim.stores.open import open_store

from .s3_server import BUCKET, S3Server, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flowc_shim.stores.api import StateStore

EMULATED = ["azure"] if os.environ.get("FLOWC_OBJECTS") else []
"""Stores whose emulator is a large download: `make test-objects`."""

FIXTURES = {"azure": "azure", "google": "google", "s3": "s3", "postgresql": "postgres"}
_numbers = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where a store is; opening it twice gives two clients of the same keys."""

    url: str
    options: dict[str, str] | None = None

    def open(self) -> StateStore:
        return open_store(self.url, self.options)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowc_shim.stores.commit._FIRST_PAUSE", 0.0)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patch:
        server, moto = start(patch)
        yield server
        moto.stop()


@pytest.fixture
def s3(s3_server: S3Server) -> Iterator[S3Server]:
    s3_server.reset()
    yield s3_server
    s3_server.reset()


@pytest.fixture
def s3_place(s3: S3Server) -> Place:
    return Place(f"s3://{BUCKET}/test/{next(_numbers)}", s3.options)


@pytest.fixture(scope="session")
def azure_options() -> Iterator[dict[str, str]]:
    with azurite() as options:
        yield options


@pytest.fixture
def azure_place(azure_options: dict[str, str]) -> Place:
    return Place(f"az://{CONTAINER}/test/{next(_numbers)}", azure_options)


@pytest.fixture(scope="session")
def google_options() -> Iterator[dict[str, str]]:
    with google() as options:
        yield options


@pytest.fixture
def google_place(google_options: dict[str, str]) -> Place:
    return Place(f"gs://{gcs_stand_in.BUCKET}/test/{next(_numbers)}", google_options)


@pytest.fixture
def postgres_place(postgres_server: PostgresServer) -> Place:
    schema = f"test_{next(_numbers)}"
    return Place(postgres_server.url, {"password": PASSWORD, "schema": schema})


@pytest.fixture(params=["sqlite", "file", "s3", "google", "postgresql", *EMULATED])
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A store that several processes can share."""
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path}/deep/er/state.db")
    if request.param == "file":
        return Place(f"file://{tmp_path}/a%20folder/store")
    place: Place = request.getfixturevalue(f"{FIXTURES[request.param]}_place")
    return place


@pytest.fixture(params=["sqlite", "memory", "file", "s3", "google", "postgresql", *EMULATED])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    if request.param == "sqlite":
        place = Place(f"sqlite:///{tmp_path}/state.db")
    elif request.param == "memory":
        place = Place("memory:")
    elif request.param == "file":
        place = Place(f"file://{tmp_path}/store")
    else:
        place = request.getfixturevalue(f"{FIXTURES[request.param]}_place")
    opened = place.open()
    yield opened
    opened.close()
