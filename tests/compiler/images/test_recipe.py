"""Images by content: what the Dockerfile says, what is copied, and when the name changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flowc.diagnostics import Diagnostics
from flowc.images.context import DEFAULT_BASE, Recipes, recipes_of
from flowc.loading import Choice, Loader
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.images.recipe import Recipe

STACK = """
stacks:
  Big One:
    target: argo
    registry: ghcr.io/acme
    state_store: s3://state
    docker:
      base_image: python:3.12-slim
      apt: [libgomp1, curl=7.88.1-10]
      requirements: ["pandas==2.2", "flowc-shim[objectstore]"]
      files: [models, run.sh]
      build_args: {COLOR: 'a "b" $c'}
      env: {LEVEL: "2"}
    plugins: {m: {type: python, module: models}}
    routes: {"/m/{*component}": [{plugin: m}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models/__pycache__").mkdir(parents=True)
    (tmp_path / "models/__init__.py").write_text("def best(x): return x\n")
    (tmp_path / "models/__pycache__/x.pyc").write_bytes(b"x")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "secret.txt").write_text("not named, not copied")
    return tmp_path


def recipes(folder: Path, text: str) -> tuple[Recipes, list[str]]:
    diagnostics = Diagnostics()
    document = read(text, "stack.yaml", diagnostics)
    assert document is not None
    (stack,) = decode_stacks(document, diagnostics, {}).values()
    found = recipes_of(stack, folder, diagnostics)
    return found, [f"{d.code.number} {d.message}" for d in diagnostics]


def recipe(folder: Path, text: str = STACK) -> tuple[Recipe | None, list[str]]:
    found, problems = recipes(folder, text)
    return found.units, problems


def test_the_dockerfile(folder: Path) -> None:
    found, problems = recipe(folder)
    assert problems == [] and found is not None
    assert (
        found.dockerfile
        == r"""FROM python:3.12-slim
ARG COLOR="a \"b\" \$c"
USER 0
RUN apt-get update && apt-get install -y --no-install-recommends \
    curl=7.88.1-10 libgomp1 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m pip install --no-cache-dir -r /tmp/requirements.txt
COPY files/ /app/
ENV LEVEL="2"
WORKDIR /app
USER 8737
"""
    )
    assert sorted(found.files) == ["files/models/__init__.py", "files/run.sh", "requirements.txt"]
    assert found.files["requirements.txt"][0] == b"pandas==2.2\nflowc-shim[objectstore]\n"
    assert found.files["files/run.sh"][1] and not found.files["files/models/__init__.py"][1]


def test_without_a_base_it_is_the_released_image(folder: Path) -> None:
    text = STACK.replace("      base_image: python:3.12-slim\n", "")
    found, _ = recipe(folder, text)
    assert found is not None and found.dockerfile.startswith(f"FROM {DEFAULT_BASE}\n")


def test_the_name_follows_the_content(folder: Path) -> None:
    def image(text: str = STACK) -> str:
        found, _ = recipe(folder, text)
        assert found is not None
        return found.image

    first = image()
    name, _, tag = first.partition(":")
    assert name == "flowc-unit-big-one" and len(tag) == 16
    assert image() == first
    (folder / "secret.txt").write_text("changed")
    assert image() == first
    names = {first}
    for text in (STACK.replace('LEVEL: "2"', 'LEVEL: "3"'), STACK.replace("2.2", "2.3")):
        names.add(image(text))
    (folder / "run.sh").chmod(0o644)
    names.add(image())
    (folder / "models/__init__.py").write_text("def best(x): return -x\n")
    names.add(image())
    assert len(names) == 5


def test_what_cannot_be_copied(folder: Path) -> None:
    outside = folder.parent / "outside.txt"
    outside.write_text("x")
    (folder / "models/link").symlink_to(outside)
    text = STACK.replace("[models, run.sh]", "[models, gone, ../outside.txt]")
    _, problems = recipe(folder, text)
    assert [problem.partition(" ")[0] for problem in problems] == ["FC003"] * 3
    assert "link" in problems[0] and "is not there" in problems[1] and "outside" in problems[2]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("base_image: python:3.12-slim", "base_image: 'x y'"), "FC113"),
        (("apt: [libgomp1, ", "apt: ['x && rm -rf /', "), "FC113"),
        (('"pandas==2.2"', '"--index-url=x"'), "FC113"),
        (('LEVEL: "2"', '"A B": "2"'), "FC113"),
        (('LEVEL: "2"', "LEVEL: {secret: x}"), "FC111"),
        (("    docker:\n", "    unit_image: x\n    docker:\n"), "FC121"),
        (("      apt:", "      platform: arm\n      apt:"), "FC104"),
    ],
)
def test_what_no_dockerfile_should_hold(folder: Path, change: tuple[str, str], code: str) -> None:
    assert change[0] in STACK
    _, problems = recipe(folder, STACK.replace(*change))
    assert [problem.partition(" ")[0] for problem in problems] == [code]


def test_a_stack_that_is_loaded_runs_its_units_in_that_image(folder: Path) -> None:
    (folder / "stack.yaml").write_text(STACK)
    (folder / "flow.yaml").write_text("schema: flowc/v1\nsteps: []\noutput: 1\n")
    diagnostics = Diagnostics()
    loader = Loader(diagnostics, folder=folder)
    flow = loader.flow("flow.yaml")
    assert flow is not None
    place = loader.place(flow, Choice())
    found, _ = recipe(folder)
    assert found is not None and place is not None, diagnostics.found
    assert place.stack.unit_image == found.image


CLASSES = """
stacks:
  cluster:
    target: TARGET
    registry: ghcr.io/acme
    state_store: s3://state
    plugins:
      servers:
        type: stepflow
        docker: {base_image: "ghcr.io/acme/servers:1", requirements: [pandas], files: [models]}
        deploy: {args: [all]}
      Tools/Two:
        type: container
        docker: {base_image: "debian:12", apt: [jq], files: [run.sh]}
        components: {/a: {command: ./run.sh}, /b: {command: ./run.sh, args: [b]}}
    routes: {"/s/{*component}": [{plugin: servers}], "/t/{component}": [{plugin: Tools/Two}]}
"""


def test_classes_have_images_of_their_own(folder: Path) -> None:
    found, problems = recipes(folder, CLASSES.replace("TARGET", "argo"))
    assert (problems, found.units) == ([], None)
    servers, tools = found.all()
    assert servers.dockerfile.startswith("FROM ghcr.io/acme/servers:1\nUSER 0\nCOPY requirements")
    assert tools.dockerfile.startswith("FROM debian:12\nUSER 0\nRUN apt-get update")
    assert list(tools.files) == ["files/run.sh"]
    assert [one.image.rpartition(":")[0] for one in (servers, tools)] == [
        "flowc-class-cluster-servers", "flowc-class-cluster-tools-two",
    ]  # fmt: skip
    units, _ = recipes(folder, STACK)
    assert [one.name for one in units.all()] == ["flowc-unit-big-one"]


@pytest.mark.parametrize(
    ("target", "registry", "before"),
    [
        ("argo", "registry: ghcr.io/acme/", "ghcr.io/acme/"),
        ("argo", "", ""),
        ("step-functions", "", ""),
        ("local", "registry: ghcr.io/acme", "ghcr.io/acme/"),
        ("local", "", "localhost/"),
    ],
)
def test_a_stack_that_is_loaded_names_them(
    folder: Path, target: str, registry: str, before: str
) -> None:
    text = CLASSES.replace("TARGET", target).replace("registry: ghcr.io/acme", registry)
    found, _ = recipes(folder, text)
    (folder / "stack.yaml").write_text(text)
    diagnostics = Diagnostics()
    stacks = Loader(diagnostics, folder=folder).stacks_here(None)
    assert stacks is not None, diagnostics.found
    classes = stacks["cluster"].classes
    deploy, programs = classes["servers"].deploy, classes["Tools/Two"].config["components"]
    assert deploy is not None and isinstance(programs, dict)
    assert deploy.image == before + found.classes["servers"].image
    image = before + found.classes["Tools/Two"].image
    assert programs["/a"] == {"image": image, "command": ["./run.sh"]}
    assert programs["/b"]["image"] == image
    (folder / "run.sh").write_text("#!/bin/sh\necho 2\n")
    again, _ = recipes(folder, text)
    assert again.classes["servers"] == found.classes["servers"]
    assert again.classes["Tools/Two"].tag != found.classes["Tools/Two"].tag


def test_both_an_image_and_docker_are_shown(folder: Path) -> None:
    text = CLASSES.replace("TARGET", "argo")
    text = text.replace("{args: [all]}", "{image: x}").replace("/a: {", "/a: {image: x, ")
    diagnostics = Diagnostics()
    document = read(text, "stack.yaml", diagnostics)
    assert document is not None
    decode_stacks(document, diagnostics, {})
    places = [
        (one.code.number, one.primary.span.line, one.secondary[0].span.line)
        for one in diagnostics
        if one.primary is not None
    ]
    assert places == [("FC121", 11, 10), ("FC121", 15, 14)]
