"""The programs of the engine, built with plain `go build` and kept in the cache by version.

Three modules pin what is built: `kubernetes/go.mod` beside this file (etcd, Kubernetes),
`tests/gates/argo/go.mod` (Argo; the validator's module, so that gate and engine are one version),
and `jobset/go.mod` (JobSet's controller, for the tests that need it).
Go's own build cache makes an interrupted build resume where it stopped.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.gates.argo_module import MODULE, SOURCES, module_directory, run_go
from tests.gates.tools import cache_directory, fingerprint, locked

HERE = Path(__file__).parent
KUBERNETES = HERE / "kubernetes"
KUBERNETES_NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
)
RECIPE = "1"
"""Counts the ways in which this file builds: another one is another cache entry."""

ARGO_PARTS = ("api", "cmd", "config", "errors", "persist", "pkg", "server", "util", "workflow")


@dataclass(frozen=True)
class Programs:
    """Folders with executables, and the version of Argo."""

    kubernetes: Path
    argo: Path
    argo_version: str


def programs() -> Programs:
    """Build what is not in the cache, and say where it is."""
    version = run_go("list", "-m", "-f", "{{.Version}}", MODULE).strip()
    return Programs(_kubernetes(), _argo(version), version)


def _kubernetes() -> Path:
    sources = [*sorted(KUBERNETES.glob("**/*.go")), KUBERNETES / "go.mod", KUBERNETES / "go.sum"]
    directory = _directory("kubernetes", sources)
    with locked(directory / "lock"):
        if not (directory / "pause").exists():
            version = _version_of_kubernetes()
            package = "k8s.io/component-base/version"
            major, minor = version.removeprefix("v").split(".")[:2]
            flags = (
                f"-s -w -X {package}.gitVersion={version} "
                f"-X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
            )
            _build(KUBERNETES, directory / "kube", ".", "-ldflags", flags)
            for name in KUBERNETES_NAMES:
                link = directory / name
                link.unlink(missing_ok=True)
                link.symlink_to("kube")
            _build(KUBERNETES, directory / "pause", "./pause", "-ldflags", "-s -w")
    return directory


def built_program(module: Path, name: str, package: str) -> Path:
    """Build the program of a package that a module of ours pins, and say where it is."""
    directory = _directory(name, [module / "go.mod", module / "go.sum"])
    with locked(directory / "lock"):
        if not (directory / name).exists():
            _build(module, directory / name, package, "-gcflags=all=-N -l", "-ldflags=-s -w")
    return directory / name


def _argo(version: str) -> Path:
    directory = _directory("argo", [SOURCES / "go.mod", SOURCES / "go.sum"])
    with locked(directory / "lock"):
        if not (directory / "workflow-controller").exists():
            source = _argo_source(directory / "source")
            module = directory / "go.mod"
            shutil.copy(SOURCES / "go.mod", module)
            shutil.copy(SOURCES / "go.sum", directory / "go.sum")
            run_go("mod", "edit", f"-replace={MODULE}={source}", str(module))
            # Like the gate's flags: what both need is compiled once.
            flags = ("-gcflags=all=-N -l", f"-ldflags=-s -w -X {MODULE}.version={version}")
            for name in ("argoexec", "argo", "workflow-controller"):
                package = f"{MODULE}/cmd/{name}"
                _build(SOURCES, directory / name, package, f"-modfile={module}", *flags)
            shutil.rmtree(source)
    return directory


def _argo_source(copy: Path) -> Path:
    """Copy the module with two files added, which `go build -overlay` may not do in Go's cache.

    The server embeds `ui/dist/app`, which Argo builds with node and ships in no module. And
    `signal_linux.go` is a link to its neighbour in Argo's repository: modules hold no links.
    """
    shutil.rmtree(copy, ignore_errors=True)
    module = module_directory()
    for part in ARGO_PARTS:
        shutil.copytree(module / part, copy / part, copy_function=shutil.copyfile)
    for file in (*module.glob("*.go"), module / "go.mod", module / "go.sum"):
        shutil.copyfile(file, copy / file.name)
    signals = copy / "workflow" / "executor" / "osspecific"
    shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
    page = copy / "ui" / "dist" / "app" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>\n", encoding="utf-8")
    shutil.copyfile(module / "ui" / "embed.go", copy / "ui" / "embed.go")
    return copy


def _directory(name: str, sources: list[Path]) -> Path:
    toolchain = run_go("env", "GOVERSION", "GOOS", "GOARCH")
    found = cache_directory() / f"argo-engine-{name}" / fingerprint(sources, toolchain, RECIPE)
    found.mkdir(parents=True, exist_ok=True)
    return found


def _version_of_kubernetes() -> str:
    return run_go(
        "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes", folder=KUBERNETES
    ).strip()


def _build(folder: Path, program: Path, package: str, *flags: str) -> None:
    unfinished = program.with_suffix(".new")
    run_go("build", "-trimpath", *flags, "-o", str(unfinished), package, folder=folder)
    unfinished.replace(program)
