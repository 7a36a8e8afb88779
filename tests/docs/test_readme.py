"""The README's flow becomes the manifest that the README shows; its commands are all there are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.docs.page_examples import Example, examples_of

from flowc.cli.deploy_app import app
from flowc.diagnostics import Diagnostics
from flowc.driver import Options, compile_flow
from flowc.source.decode_flow import decode_flow
from flowc.source.decode_stack import decode_stacks
from flowc.source.yaml_reader import read
from flowc.targets import find_target

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
UPDATE = os.environ.get("FLOWC_UPDATE_GOLDEN") == "1"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def manifest(flow: Example, stack: Example) -> str:
    diagnostics = Diagnostics()
    flow_file = read(flow.text, "flow.yaml", diagnostics)
    stack_file = read(stack.text, "stack.yaml", diagnostics)
    assert flow_file is not None and stack_file is not None
    source = decode_flow(flow_file, diagnostics)
    stacks = decode_stacks(stack_file, diagnostics, {})
    target = find_target("argo", diagnostics)
    assert source is not None and target is not None
    compilation = compile_flow(
        source, stacks["default"], target, Options(flow=source.name or ""), diagnostics
    )
    assert compilation is not None and not list(diagnostics), diagnostics.found
    return target.emit(compilation)["workflow-template.yaml"]


def excerpt(text: str) -> str:
    """Return the tasks, and how the first unit's container is started."""
    lines = text.splitlines()
    tasks = lines.index("  templates:")
    after_tasks = next(i for i in range(tasks + 2, len(lines)) if lines[i].startswith("  - name:"))
    container = lines.index("    container:")
    end = lines.index("      env:", container)
    shown = [*lines[tasks:after_tasks], lines[after_tasks], "    # …", *lines[container:end]]
    return "".join(f"{line}\n" for line in shown)


def test_excerpt() -> None:
    flow, stack = examples_of(README)
    wanted = excerpt(manifest(flow, stack))
    page = README.read_text(encoding="utf-8")
    found = re.search(r"^```yaml excerpt\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    if UPDATE:
        assert not os.environ.get("CI"), "generated text is never rewritten in CI"
        README.write_text(
            page[: found.start(1)] + wanted + page[found.end(1) :], encoding="utf-8", newline="\n"
        )
        return
    assert found[1] == wanted, "the README's excerpt differs; if intended: make golden"


def test_every_command_is_listed() -> None:
    listed = set(re.findall(r"^\| `flowc ([a-z]+)", README.read_text("utf-8"), re.MULTILINE))
    known = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None
    }
    groups = {group.name for group in app.registered_groups}
    assert listed == known | groups


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    broken = []
    for link in links:
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
