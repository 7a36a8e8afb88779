"""Argo's own validator over emitted manifests, without a cluster.

The program (tests/gates/argo) resolves `templateRef` and `workflowTemplateRef` among the files of
one call, so pass all the manifests of one deployment together, and only those. ConfigMaps,
Deployments and Kubernetes' other usual kinds are decoded strictly into its own API types.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.gates.argo_module import gate_program


@dataclass(frozen=True)
class Finding:
    """The verdict on one document; `index` counts the documents of its file from 0."""

    file: Path
    index: int
    kind: str
    name: str
    ok: bool
    error: str = ""
    skipped: bool = False
    """The document is of a kind that the program does not know, so nothing was checked."""

    def __str__(self) -> str:
        return f"{self.file.name}[{self.index}] {self.kind} {self.name}: {self.error or 'ok'}"


def argo_validate(paths: list[Path]) -> list[Finding]:
    """Return one finding per document, in the order of files and documents."""
    program = gate_program()
    if not paths:
        return []
    done = subprocess.run(
        [program, *map(str, paths)], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"the Argo validator could not read its input:\n{done.stderr[-4000:]}")
    findings = []
    for line in done.stdout.splitlines():
        fields = json.loads(line)
        findings.append(Finding(**{**fields, "file": Path(fields["file"])}))
    return findings


def argo_problems(paths: list[Path]) -> list[str]:
    """Return what Argo refuses, as text; empty means that every document passes."""
    return [str(finding) for finding in argo_validate(paths) if not finding.ok]
