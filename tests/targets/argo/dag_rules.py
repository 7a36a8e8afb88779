"""What Argo makes of emitted DAG templates, given how each pod ends: a model for tests.

Only the fields that are emitted are known, and each rule names its place in Argo 4.0.7
(``workflow/controller`` unless said otherwise). Retries are left out: a pod stands for its Retry
node, which always has the phase of the last attempt.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

COMPLETED = ("Succeeded", "Failed", "Error")
FAILED = ("Failed", "Error")
_NAME = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")
_RESULTS = {"Errored": "Error"}


@dataclass
class Pod:
    """A pod that is about to end: its leaf template and the values of its inputs."""

    leaf: str
    inputs: Mapping[str, str]

    @property
    def unit(self) -> tuple[str, str]:
        return self.inputs.get("unit", ""), self.inputs.get("scope", "")

    @property
    def settled(self) -> dict[str, str]:
        pairs = [v.rpartition("=") for k, v in self.inputs.items() if k.startswith("settle-")]
        return {unit: status for unit, _, status in pairs}


@dataclass
class Node:
    phase: str
    children: list[Node] = field(default_factory=list)
    outbound: list[Node] = field(default_factory=list)
    verdict: dict[str, Any] | None = None


Ends = Callable[[Pod], "tuple[str, dict[str, Any]]"]
"""How a pod ends: its phase and its verdict."""


class Run:
    """One run of the entrypoint; ``pods`` in the order in which they could have started."""

    def __init__(self, templates: Mapping[str, Any], ends: Ends) -> None:
        self.templates = templates
        self.ends = ends
        self.pods: list[Pod] = []
        self.phase = self._template("main", {}).phase

    def _template(self, name: str, inputs: dict[str, str]) -> Node:
        template = self.templates[name]
        wanted = {p["name"] for p in template.get("inputs", {}).get("parameters", ())}
        assert wanted == inputs.keys(), (name, wanted, inputs)  # common.ProcessArgs
        if "dag" in template:
            return self._dag(template["dag"], inputs)
        pod = Pod(name, inputs)
        self.pods.append(pod)
        phase, verdict = self.ends(pod)
        node = Node(phase, verdict=verdict if phase == "Succeeded" else None)
        node.outbound = [node]  # getOutboundNodes: a pod is its own
        return node

    def _dag(self, dag: dict[str, Any], inputs: dict[str, str]) -> Node:
        assert dag["failFast"] is False
        boundary = Node("Running")
        nodes: dict[str, Node] = {}
        waiting = deque(dag["tasks"])
        while waiting:
            task = waiting.popleft()
            before = dependencies(task)
            if any(name not in nodes for name in before):
                waiting.append(task)
                continue
            node = self._dag_task(task, nodes, inputs)
            nodes[task["name"]] = node
            parents = [out for name in before for out in nodes[name].outbound]
            for parent in parents or [boundary]:  # connectDependencies
                parent.children.append(node)
        read = {name for task in dag["tasks"] for name in dependencies(task)}
        leaves = [node for name, node in nodes.items() if name not in read]
        boundary.phase = assess(boundary, leaves)
        boundary.outbound = [out for leaf in leaves for out in leaf.outbound]
        return boundary

    def _dag_task(
        self, task: dict[str, Any], nodes: dict[str, Node], inputs: dict[str, str]
    ) -> Node:
        if not holds(task.get("depends", ""), nodes):
            return _end("Omitted")  # executeDAGTask: "depends condition not met"
        values = {
            p["name"]: resolve(p["value"], nodes, inputs)
            for p in task.get("arguments", {}).get("parameters", ())
        }
        if "when" in task:
            answer = resolve(task["when"], nodes, inputs)
            assert answer in ("true == true", "false == true")
            if answer == "false == true":
                return _end("Skipped")
        if "withSequence" not in task:
            return self._template(task["template"], values)
        count = int(resolve(task["withSequence"]["count"], nodes, inputs))
        if count == 0:
            return _end("Skipped")  # "Skipped, empty params"
        group = Node("Succeeded")
        for index in range(count):
            item = {name: value.replace("{{item}}", str(index)) for name, value in values.items()}
            child = self._template(task["template"], item)
            group.children.append(child)
            if child.phase in FAILED:
                group.phase = child.phase
        group.outbound = [out for child in group.children for out in child.outbound]
        return group


def _end(phase: str) -> Node:
    node = Node(phase)
    node.outbound = [node]
    return node


def dependencies(task: dict[str, Any]) -> list[str]:
    """common.GetTaskDependencies"""
    found = [(m[1] or m[2]).partition(".")[0] for m in _NAME.finditer(task.get("depends", ""))]
    return list(dict.fromkeys(found))


def holds(depends: str, nodes: Mapping[str, Node]) -> bool:
    """evaluateDependsLogic, with common.expandDependency for plain names"""
    if not depends:
        return True

    def value(match: re.Match[str]) -> str:
        if match[2]:
            return str(nodes[match[2]].phase in ("Succeeded", "Skipped"))
        name, _, result = match[1].partition(".")
        return str(nodes[name].phase == _RESULTS.get(result, result))

    text = _NAME.sub(value, depends).replace("||", " or ").replace("&&", " and ")
    return bool(eval(text, {}, {}))


def resolve(text: str, nodes: Mapping[str, Node], inputs: Mapping[str, str]) -> str:
    """resolveDependencyReferences: strict about tasks; a failed one has a status and no outputs"""

    def simple(match: re.Match[str]) -> str:
        tag = match[1]
        if tag == "item":
            return match[0]
        if tag.startswith("inputs.parameters."):
            return inputs[tag.removeprefix("inputs.parameters.")]
        task = re.fullmatch(r"tasks\.([-\w]+)\.status", tag)
        assert task is not None, f"{{{{{tag}}}}} would requeue for ever"
        return nodes[task[1]].phase

    def expression(match: re.Match[str]) -> str:
        path = re.fullmatch(
            r"jsonpath\(tasks\['([-\w]+)'\]\.outputs\.parameters\.verdict, '\$\.(\w+)'\)", match[1]
        )
        if path is not None:
            verdict = nodes[path[1]].verdict
            assert verdict is not None, f"{match[0]} would requeue for ever"
            return json.dumps(verdict[path[2]])
        choice = re.fullmatch(
            r"tasks\['([-\w]+)'\]\.status == 'Succeeded'"
            r" \? tasks\['([-\w]+)'\]\.status : tasks\['([-\w]+)'\]\.status",
            match[1],
        )
        assert choice is not None, match[0]
        return nodes[choice[2 if nodes[choice[1]].phase == "Succeeded" else 3]].phase

    text = re.sub(r"\{\{=(.+?)\}\}", expression, text)
    return re.sub(r"\{\{([^={}]+)\}\}", simple, text)


def assess(boundary: Node, targets: list[Node]) -> str:
    """assessDAGPhase: an uncompleted node inherits the phase of the branch that leads to it"""
    found: dict[int, str] = {}
    seen: set[tuple[int, str]] = set()
    queue = deque((child, "Succeeded") for child in boundary.children)
    while queue:
        node, phase = queue.popleft()
        if (id(node), phase) in seen:
            continue
        seen.add((id(node), phase))
        if node.phase in COMPLETED:
            phase = node.phase
        if found.get(id(node)) not in FAILED:
            found[id(node)] = phase
        queue.extend((child, phase) for child in node.children)
    phases = [found[id(target)] for target in targets]
    return next((phase for phase in phases if phase in FAILED), "Succeeded")
