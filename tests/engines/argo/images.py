"""Container images made without a registry and without a builder, from what this machine has.

An image is a `docker save` archive of one layer. The unit's image holds the Python that runs this
code, the libraries it is linked to, and `flowc-shim` as pip installs it; Argo's holds `argoexec`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
from tests.gates.tools import REPOSITORY, cache_directory, fingerprint, locked

from flowc_shim import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.engines.argo.programs import Programs

PAUSE = "localhost/pause:1"
UNIT = (
    f"ghcr.io/flowc-dev/flowc-unit:{__version__}",
    "ghcr.io/acme/forecast-unit:1.0",
    "ghcr.io/acme/nightly-unit:1.0",
    "ghcr.io/acme/orders-unit:1.0",
    "ghcr.io/acme/words:1.0",
    "localhost/conformance:1",
    "ghcr.io/acme/circle-unit:1.0",
    "ghcr.io/acme/sales-unit:1.0",
)
"""The image that manifests name where a stack names none, and those that the examples' stacks
name, for programs too: here one is made, not pulled, with the components of all."""

SHIM = "/opt/flowc"
COMPONENTS = (
    *sorted((REPOSITORY / "tests" / "conformance" / "python").glob("*.py")),
    *sorted((REPOSITORY / "examples").glob("*/*_components.py")),
    *sorted((REPOSITORY / "examples").glob("*/*_together.py")),
)
NOT_NEEDED = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"}
)
ACCOUNTS = "root:x:0:0::/root:/bin/sh\nflowc:x:8737:8737::/tmp:/bin/sh\n"


def argoexec_name(version: str) -> str:
    """Return the name of the executor's image."""
    return f"localhost/argoexec:{version}"


def archives(programs: Programs) -> list[Path]:
    """Return the archives of all images that a cluster needs, made where they are not yet."""
    executor = programs.argo / "argoexec"
    pause = programs.kubernetes / "pause"

    def argoexec(layer: Layer) -> None:
        layer.add(executor, "/bin/argoexec")
        layer.text("/etc/passwd", ACCOUNTS)

    return [
        _archive([PAUSE], [pause], lambda layer: layer.add(pause, "/pause"), ["/pause"]),
        _archive([argoexec_name(programs.argo_version)], [executor], argoexec, ["argoexec"]),
        _archive(UNIT, _unit_sources(), _unit, ["flowc-shim"]),
    ]


def own_unit_image() -> tuple[str, Path]:
    """Return name and archive of a unit's image that is named by what is in it.

    A cluster that was started before this tree changed has another one under the usual name.
    """
    name = f"localhost/flowc-unit:{fingerprint(_unit_sources(), sys.version)}"
    return name, _archive([name], _unit_sources(), _unit, ["flowc-shim"])


class Layer:
    """Files of an image: all owned by root, readable by everybody, without times."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._names: set[str] = set()

    def text(self, name: str, content: str, mode: int = 0o644) -> None:
        """Add a file with this content."""
        data = content.encode()
        entry = self._entry(name, mode)
        entry.size = len(data)
        self._tar.addfile(entry, io.BytesIO(data))

    def add(self, source: Path, name: str | None = None) -> None:
        """Add a file, what a link leads to, or a folder with all that is in it."""
        target = name or str(source)
        if target in self._names or (source.name in NOT_NEEDED and source.is_dir()):
            return
        if source.is_dir():
            for child in sorted(source.iterdir()):
                self.add(child, f"{target}/{child.name}")
            return
        executable = source.stat().st_mode & 0o111
        entry = self._entry(target, 0o755 if executable else 0o644)
        entry.size = source.stat().st_size
        with source.open("rb") as content:
            self._tar.addfile(entry, content)

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Add an empty folder."""
        entry = self._entry(name, mode)
        entry.type = tarfile.DIRTYPE
        self._tar.addfile(entry)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        entry = self._entry(name, 0o777)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self._tar.addfile(entry)

    def _entry(self, name: str, mode: int) -> tarfile.TarInfo:
        parent = str(Path(name).parent)
        if parent not in ("/", *self._names):
            self.folder(parent)
        self._names.add(name)
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.mode = mode
        return entry


def _archive(
    names: Sequence[str], sources: list[Path], fill: Callable[[Layer], None], command: list[str]
) -> Path:
    key = fingerprint(sources, *names, sys.version, sys.base_prefix)
    here = cache_directory() / "argo-engine-images" / key
    path = here / "image.tar"
    with locked(here / "lock"):
        if not path.exists():
            layer = here / "layer.tar"
            with tarfile.open(layer, "w") as tar:
                fill(Layer(tar))
            _write(path, names, layer, command)
            layer.unlink()
    return path


def _write(path: Path, names: Sequence[str], layer: Path, command: list[str]) -> None:
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    config = json.dumps(
        {
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(_machine(), _machine()),
            "os": "linux",
            "config": {
                "Env": [f"PATH={SHIM}/bin:/usr/local/bin:/usr/bin:/bin", f"PYTHONPATH={SHIM}"],
                "Entrypoint": command,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    )
    manifest = json.dumps(
        [{"Config": "config.json", "RepoTags": list(names), "Layers": ["layer.tar"]}]
    )
    unfinished = path.with_suffix(".new")
    with tarfile.open(unfinished, "w") as archive:
        for file, text in (("config.json", config), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        archive.add(layer, "layer.tar")
    unfinished.replace(path)


def _machine() -> str:
    return sysconfig.get_platform().rpartition("-")[2]


def _unit_sources() -> list[Path]:
    shim = REPOSITORY / "runtime_shim"
    return [
        Path(__file__),
        shim / "pyproject.toml",
        *sorted(shim.glob("flowc_shim/**/*.py")),
        *COMPONENTS,
    ]


def _unit(layer: Layer) -> None:
    """Python with its libraries, the shim with its dependencies, and the tests' components."""
    installed = cache_directory() / "argo-engine-images" / "shim"
    shutil.rmtree(installed, ignore_errors=True)
    wheel = f"{REPOSITORY / 'runtime_shim'}[objectstore]"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(installed), wheel]
    subprocess.run(pip, check=True, timeout=600)
    shutil.rmtree(installed / "bin")
    for file in COMPONENTS:
        shutil.copy(file, installed)
    # The root of a unit's container is read-only: what is not compiled now never is.
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(installed)], check=True)
    interpreter = Path(sys.executable).resolve()
    standard = Path(sysconfig.get_paths()["stdlib"])
    layer.add(interpreter)
    for child in sorted(standard.iterdir()):
        if child.name != "site-packages":
            layer.add(child)
    layer.add(installed, SHIM)
    layer.text(f"{SHIM}/bin/flowc-shim", _START.format(python=interpreter), mode=0o755)
    objects = [interpreter, *standard.glob("lib-dynload/*.so"), *installed.rglob("*.so")]
    shell = Path("/bin/sh").resolve()
    for library in sorted({file for found in [*objects, shell] for file in _libraries(found)}):
        if installed not in library.parents:
            layer.add(library)
    layer.add(shell, "/bin/sh")
    for name in ("python3", "python"):
        layer.link(f"/usr/local/bin/{name}", str(interpreter))
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.exists():  # clients of object stores refuse to be made without any
        layer.add(authorities)
    layer.text("/etc/passwd", ACCOUNTS)
    # without any, the object stores' client does not even open plain HTTP
    layer.add(Path(certifi.where()), "/etc/ssl/certs/ca-certificates.crt")
    layer.folder("/tmp", 0o1777)
    shutil.rmtree(installed)


_START = "#!{python}\nimport sys\nfrom flowc_shim.__main__ import main\nsys.exit(main())\n"


def _libraries(program: Path) -> list[Path]:
    """Return what the dynamic linker loads with ``program``, by the paths that it looks at."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)]
