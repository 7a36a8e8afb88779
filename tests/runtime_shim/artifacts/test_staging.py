"""Files in and out, in a folder and in a bucket; and what may not be fetched or stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flowc_shim.artifacts.places import beside_state, open_place
from flowc_shim.artifacts.reference import is_reference, references_in
from flowc_shim.artifacts.staging import Artifacts
from flowc_shim.contract.errors import FlowError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = "runs/r"
Where = tuple[str, dict[str, str]]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Where]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}
    boto3.client(
        "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    ).create_bucket(Bucket="files")  # fmt: skip
    yield "s3://files/below", {**keys, "endpoint": f"http://{host}:{port}"}
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Where:
    if request.param == "folder":
        return f"file://{tmp_path}/a%20store", {}
    found: Where = request.getfixturevalue("bucket")
    return found


def artifacts(where: Where, *written: str, run: str = RUN) -> Artifacts:
    return Artifacts(*where, run, lambda: frozenset(written))


def stored(where: Where, folder: Path, name: str, content: bytes) -> dict[str, Any]:
    out = folder / "out"
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(content)
    found: dict[str, Any] = artifacts(where).take_out({"$artifact": name}, out)
    (out / name).unlink()
    return found


def refused(code: str, ask: Any) -> str:
    with pytest.raises(FlowError) as error:
        ask()
    assert error.value.info.code == code
    return error.value.info.message


def fetched(where: Where, value: Any, folder: Path, *written: str) -> Any:
    inside = folder / "in" / uuid4().hex
    inside.mkdir(parents=True)
    return artifacts(where, *written).bring_in(value, inside, "/seen")


@pytest.mark.parametrize("name", ["a.csv", "deep/er/ü b#1%.bin", "..hidden"])
def test_a_file_comes_back_as_it_was(where: Where, tmp_path: Path, name: str) -> None:
    content = bytes(range(256)) * 40_000
    reference = stored(where, tmp_path, name, content)
    assert reference["size"] == len(content) and is_reference(reference)
    assert reference["$artifact"].startswith(f"{where[0]}/runs/r/files/{reference['sha256']}/")
    value = fetched(where, {"rows": [reference, reference], "n": 1}, tmp_path)
    seen = {one["path"] for one in references_in(value)}
    last = name.rpartition("/")[2]
    assert seen == {f"/seen/0/{last}"} and value["n"] == 1
    (copy,) = (path for path in (tmp_path / "in").rglob("*") if path.is_file())
    assert copy.name == last and copy.read_bytes() == content


def test_the_same_file_is_stored_once_and_two_names_are_two(where: Where, tmp_path: Path) -> None:
    one = stored(where, tmp_path, "a", b"x")
    assert stored(where, tmp_path, "a", b"x") == one
    assert stored(where, tmp_path, "b", b"x") != one


def test_an_output_that_hands_on_a_reference_keeps_it(where: Where, tmp_path: Path) -> None:
    one = stored(where, tmp_path, "a", b"x")
    (tmp_path / "out").mkdir(exist_ok=True)
    handed = artifacts(where).take_out({"f": {**one, "path": "/seen/0/a"}}, tmp_path / "out")
    assert handed == {"f": one}


def test_what_is_lost_or_not_there_is_an_error(where: Where, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "x").touch()
    message = refused("INVALID_OUTPUT", lambda: artifacts(where).take_out({"n": 1}, out))
    assert "`x`" in message and "$TMPDIR" in message
    take = artifacts(where).take_out
    refused("INVALID_OUTPUT", lambda: take([{"$artifact": "x"}, {"$artifact": "y"}], out))
    (out / "x").unlink()
    (out / "link").symlink_to("/etc/hostname")
    refused("INVALID_OUTPUT", lambda: take({"$artifact": "link"}, out))
    (out / "link").unlink()
    (out / "x").touch()
    (out.parent / "elsewhere").symlink_to(out)
    refused("INVALID_OUTPUT", lambda: take({"$artifact": "x"}, out.parent / "elsewhere"))


def test_only_files_of_runs_and_of_the_flow_are_fetched(where: Where, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret")
    uri = f"file://{secret}"
    for foreign in (uri, f"{where[0]}/../secret.txt", f"{where[0]}/%2e%2e/secret.txt",
                    f"{where[0]}x/secret.txt", "s3://other/x", "http://host/x", ""):  # fmt: skip
        refused(
            "ARTIFACT_NOT_ALLOWED", lambda f=foreign: fetched(where, {"$artifact": f}, tmp_path)
        )
    assert not [path for path in (tmp_path / "in").rglob("*") if path.is_file()]
    if where[0].startswith("file:"):
        value = fetched(where, {"$artifact": uri}, tmp_path, uri)
        assert value["path"].endswith("secret.txt")


def test_a_file_that_is_gone_or_changed(where: Where, tmp_path: Path) -> None:
    one = stored(where, tmp_path, "a", b"x")
    gone = {"$artifact": one["$artifact"] + "-gone"}
    refused("ARTIFACT_NOT_FOUND", lambda: fetched(where, gone, tmp_path))
    refused(
        "ARTIFACT_CHANGED", lambda: fetched(where, {**one, "sha256": "0" * 64}, tmp_path / "in")
    )


def test_without_a_store_files_are_refused_and_data_is_not(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    nowhere = Artifacts(None, {}, RUN, frozenset)
    message = refused("CONFIGURATION", lambda: nowhere.take_out({"$artifact": "x"}, tmp_path))
    assert "artifact_store" in message
    (tmp_path / "x").unlink()
    assert nowhere.take_out({"n": 1}, tmp_path) == {"n": 1}
    assert nowhere.bring_in([1], tmp_path, "/seen") == [1]


def test_what_is_a_reference() -> None:
    for value in ({"$artifact": 1}, {"$artifact": "x", "other": 1}, {"artifact": "x"}, "x", None):
        assert not is_reference(value)


@pytest.mark.parametrize(
    ("state", "files"),
    [
        ("s3://b/p/", "s3://b/p/artifacts"),
        ("file:///x", "file:///x/artifacts"),
        ("postgresql://h/d", None),
        ("sqlite:///x.db", None),
        ("memory:", None),
    ],
)
def test_files_are_beside_the_state_where_that_keeps_files(state: str, files: str | None) -> None:
    assert beside_state(state) == files


def test_places_that_keep_no_files() -> None:
    with pytest.raises(ValueError, match="not in sqlite:"):
        open_place("sqlite:///x", {})


def test_whether_a_file_is_there(where: Where, tmp_path: Path) -> None:
    place = open_place(*where)
    (tmp_path / "one").write_bytes(b"1")
    place.put("there/a%20b", tmp_path / "one")
    found = [place.has(key) for key in ("there/a%20b", "there", "there/c")]
    assert found == [True, False, False]
