"""``flowyml.yaml``: its stacks written as flowc's, which are then decoded like any other.

Every value keeps the place where it was written, so that what is wrong with it is shown there. What
flowyml itself accepts and then ignores is read, or refused at its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc.diagnostics import codes
from flowc.source.fields import Fields, describe
from flowc.source.flowyml_tables import (
    COMPONENT,
    DOCKER,
    FLOWYML,
    OF_TYPE,
    PROFILE,
    STACK,
    TARGETS,
)
from flowc.source.foreign_names import foreign_store, foreign_target
from flowc.source.located import Map
from flowc.source.rewriting import DEFAULT_PLUGINS, DEFAULT_ROUTES, Made, located

if TYPE_CHECKING:
    from flowc.diagnostics import Span
    from flowc.source.fields import Decoding

_EVERYWHERE = (
    "type", "orchestrator", "executor", "artifact_store", "metadata_store", "container_registry",
    "plugins", "routes", "variables", "compute",
)  # fmt: skip
_SCHEMES = {"local": "file", "gcs": "gs", "gs": "gs", "s3": "s3", "azure": "az", "azure_blob": "az"}
STATE = "flowc"
"""The folder of a bucket in which runs are recorded."""


def is_flowyml(root: Map) -> bool:
    """Whether the file is a ``flowyml.yaml``: its stacks have types."""
    stacks = root.get("stacks")
    return isinstance(stacks, Map) and any(
        isinstance(stack, Map) and isinstance(stack.get("type"), str) and "target" not in stack
        for stack in stacks.values()
    )


def rewritten(root: Map, at: Span, decoding: Decoding) -> tuple[Map, str | None]:
    """Return the file in flowc's own keys, and the name of its default stack."""
    fields = decoding.open(root, FLOWYML, at)
    stacks = Made(root)
    if fields is None or fields.get("stacks") is None:
        return stacks.map, None
    shared = _Shared(fields)
    found = Made(root["stacks"])
    for name, raw, key_at, value_at in decoding.entries(
        root["stacks"], "`stacks`", fields.value_at("stacks")
    ):
        opened = decoding.open(raw, STACK, value_at)
        if opened is not None and opened.get("type") is not None:
            stack = _Stack(opened, shared).rewritten()
            if stack is not None:
                found.put(name, stack, key_at, value_at)
    stacks.put("stacks", found.map, fields.key_at("stacks"), fields.value_at("stacks"))
    return stacks.map, _default(fields)


def _default(fields: Fields) -> str | None:
    name = fields.text("default_stack")
    if name is None or name in fields.raw["stacks"]:
        return name
    known = ", ".join(f"`{stack}`" for stack in fields.raw["stacks"])
    fields.report(
        codes.UNKNOWN_NAME,
        f"there is no stack `{name}`",
        fields.value_at("default_stack"),
        hint=f"stacks of the file: {known}",
    )
    return None


class _Shared:
    """What a file says for all of its stacks: profiles and the image of the steps."""

    def __init__(self, file: Fields) -> None:
        self.profiles = _profiles(file) if file.get("resources") is not None else None
        self.file = file
        self.image: tuple[str, Span] | None = None
        if file.get("docker") is not None:
            docker = file.decoding.open(file.raw["docker"], DOCKER, file.value_at("docker"))
            image = None if docker is None else docker.located("image")
            self.image = None if image is None else (image.value, image.span)


def _profiles(file: Fields) -> Map:
    found = Made(file.raw["resources"])
    for name, raw, key_at, at in file.decoding.entries(
        file.raw["resources"], "`resources`", file.value_at("resources")
    ):
        fields = file.decoding.open(raw, PROFILE, at)
        if fields is not None:
            found.put(name, _profile(fields), key_at, at)
    return found.map


def _profile(fields: Fields) -> Map:
    """Return a profile: flowyml's ``gpu`` is a type, flowc's a number."""
    made = Made(fields.raw)
    names = {"disk_size": "disk", "gpu": "gpu_type", "gpu_count": "gpu"}
    for key, value in fields.raw.items():
        if key in PROFILE.keys:
            made.put(names.get(key, key), value, fields.key_at(key), fields.value_at(key))
    if fields.has("gpu") and not fields.has("gpu_count"):
        made.put("gpu", 1, fields.key_at("gpu"), fields.value_at("gpu"))
    return made.map


class _Stack:
    """One stack on its way into flowc's keys."""

    def __init__(self, fields: Fields, shared: _Shared) -> None:
        self.fields, self.shared = fields, shared
        self.made = Made(fields.raw)
        self.kind = str(fields.get("type"))
        self.type_at = fields.key_at("type"), fields.value_at("type")

    def rewritten(self) -> Map | None:
        """Return the stack; None if its type has no target (reported)."""
        if self.kind not in TARGETS:
            self._foreign(self.kind, self.type_at[1])
            return None
        self._check_keys()
        self.made.put("target", TARGETS[self.kind], *self.type_at)
        if self.kind == "gcp":
            self.fields.decoding.report(
                codes.IGNORED_KEY,
                "`type: gcp` means Argo Workflows with Google's storage here, not Vertex AI",
                self.type_at[1],
            )
        self._engine()
        self._copy("region", "region")
        self._copy("namespace", "namespace")
        self._copy("compute", "compute")
        self._copy("variables", "variables")
        self._stores()
        self._registry()
        self._classes()
        if self.shared.profiles is not None:
            file = self.shared.file
            at = file.key_at("resources"), file.value_at("resources")
            self.made.put("resources", self.shared.profiles, *at)
        if self.shared.image is not None:
            image, at_image = self.shared.image
            self.made.put("unit_image", image, at_image, at_image)
        return self.made.map

    def _check_keys(self) -> None:
        """Report keys of other types, which flowyml would ignore, and those of no use here."""
        for key in self.fields.raw:
            if key in STACK.keys and key not in (*_EVERYWHERE, *OF_TYPE[self.kind]):
                self.fields.report(
                    codes.UNKNOWN_KEY,
                    f"`{key}` is not a key of a stack of type `{self.kind}`",
                    self.fields.key_at(key),
                )
        for key in ("project_id", "account_id"):
            if self.fields.has(key) and key in OF_TYPE[self.kind]:
                self.fields.report(
                    codes.IGNORED_KEY,
                    f"`{key}` has no effect: buckets and registries are named by themselves",
                    self.fields.key_at(key),
                )

    def _engine(self) -> None:
        """Check ``orchestrator`` and ``executor``: the target is both."""
        own = {TARGETS[self.kind].replace("-", ""), self.kind, *_ENGINES[TARGETS[self.kind]]}
        for key in ("orchestrator", "executor"):
            component = self._component(key)
            if component is None:
                continue
            name, at = component[0], component[1]
            if name.lower().replace("_", "").replace("-", "") not in own:
                self._foreign(name, at)

    def _foreign(self, name: str, at: Span) -> None:
        foreign = foreign_target(name)
        if foreign is not None:
            self.fields.report(
                codes.UNKNOWN_TARGET, f"`{name}` {foreign.reason}", at, hint=foreign.hint
            )
            return
        known = ", ".join(f"`{one}`" for one in TARGETS)
        self.fields.report(
            codes.UNKNOWN_TARGET,
            f"`{name}` does not run a stack of type `{self.kind}`",
            at,
            hint=f"leave it out; types of stacks: {known}",
        )

    def _component(self, key: str) -> tuple[str, Span, Fields | None] | None:
        """Return the type of a component, where it stands, and its other keys if it has any."""
        if not self.fields.has(key):
            return None
        raw, at = self.fields.raw[key], self.fields.value_at(key)
        if isinstance(raw, str):
            return raw, at, None
        fields = self.fields.decoding.open(raw, COMPONENT, at)
        if fields is None:
            return None
        name = fields.text("type")
        return name or "", fields.value_at("type") if name else at, fields

    def _copy(self, key: str, to: str) -> None:
        if self.fields.get(key) is not None:
            at = self.fields.key_at(key), self.fields.value_at(key)
            self.made.put(to, self.fields.raw[key], *at)

    def _stores(self) -> None:
        bucket = next((k for k in ("bucket_name", "s3_bucket") if self.fields.has(k)), None)
        scheme = "gs" if self.kind == "gcp" else "s3"
        if bucket is not None:
            name = self.fields.text(bucket)
            at = self.fields.key_at(bucket), self.fields.value_at(bucket)
            self.made.put("artifact_store", f"{scheme}://{name}", *at)
            self.made.put("state_store", f"{scheme}://{name}/{STATE}", *at)
        for key, to, form in (
            ("artifact_path", "artifact_store", "file:"),
            ("metadata_path", "state_store", "sqlite:///"),
        ):
            path = self.fields.text(key)
            if path is not None:
                at = self.fields.key_at(key), self.fields.value_at(key)
                self.made.put(to, f"{form}{path}", *at)
        self._put_store("artifact_store", self._artifact_url)
        self._put_store("metadata_store", self._state_url)

    def _put_store(self, key: str, url_of: Any) -> None:
        component = self._component(key)
        if component is not None:
            url = component[0] if component[2] is None else url_of(*component)
            if url is not None:
                to = "state_store" if key == "metadata_store" else key
                self.made.put(to, url, self.fields.key_at(key), component[1])

    def _artifact_url(self, kind: str, at: Span, fields: Fields) -> str | None:
        given = fields.text("uri") or fields.text("url")
        name = fields.text("bucket") or fields.text("path")
        scheme = _SCHEMES.get(kind.lower())
        if given is not None or (scheme is not None and name is not None):
            return given or (f"{scheme}:{name}" if scheme == "file" else f"{scheme}://{name}")
        fields.report(
            codes.INVALID_WORD,
            "an artifact store is `{type: gcs, bucket}`, `{type: s3, bucket}`, "
            "`{type: azure, bucket}` or `{type: local, path}`",
            at,
        )
        return None

    def _state_url(self, kind: str, at: Span, fields: Fields) -> str | None:
        given = fields.text("uri") or fields.text("url")
        foreign = foreign_store(kind)
        if foreign is not None:
            fields.report(codes.INVALID_WORD, f"`{kind}` {foreign.reason}", at, hint=foreign.hint)
            return None
        path = fields.text("path")
        if given is not None or (kind.lower() == "sqlite" and path is not None):
            return given or f"sqlite:///{path}"
        fields.report(
            codes.INVALID_WORD,
            "a metadata store is `{type: sqlite, path}` or `{type: postgres, url}`, "
            f"not {describe(kind)}",
            at,
        )
        return None

    def _registry(self) -> None:
        for key in ("registry_uri", "ecr_registry"):
            self._copy(key, "registry")
        component = self._component("container_registry")
        if component is not None:
            name, at, fields = component
            uri = name if fields is None else fields.text("uri") or fields.text("url")
            if uri is None:
                self.fields.report(codes.MISSING_KEY, "a container registry needs `uri`", at)
            else:
                self.made.put("registry", uri, self.fields.key_at("container_registry"), at)

    def _classes(self) -> None:
        """Put classes and routes: the stack's own, or Python functions and the built-ins."""
        if self.fields.has("plugins") or self.fields.has("routes"):
            self._copy("plugins", "plugins")
            self._copy("routes", "routes")
            return
        for key, value in (("plugins", DEFAULT_PLUGINS), ("routes", DEFAULT_ROUTES)):
            self.made.put(key, located(value, self.type_at[1]), *self.type_at)


_ENGINES = {
    "local": ("localexecutor", "none"),
    "argo": ("argo", "argoworkflows", "kubernetes", "kubernetesexecutor"),
    "step-functions": ("stepfunctions", "awsstepfunctions", "batch", "lambda"),
}
"""Other words for what runs a flow on a target."""
