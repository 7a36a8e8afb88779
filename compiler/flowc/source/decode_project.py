"""Project files to :class:`flowc.source.project_model.Project`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Diagnostics, Span, codes
from flowc.source.bindings import Binding, decode_binding
from flowc.source.complex_keys import refuse_complex_keys
from flowc.source.cron import CronError, check_cron, time_zones
from flowc.source.fields import Decoding, Fields, describe, nearest
from flowc.source.interpolation import interpolate
from flowc.source.located import Document, Map, Seq
from flowc.source.port_bindings import decode_port, is_port
from flowc.source.project_model import Environment, Project, ProjectFlow, Trigger
from flowc.source.project_tables import (
    BINDING,
    ENVIRONMENT,
    FLOW_OVERRIDE,
    PORT,
    PROJECT,
    PROJECT_FLOW,
    STRATEGY,
    TRIGGER,
)
from flowc.source.secrets import decode_variables
from flowc_shim.contract.trigger import KEYS as TRIGGER_KEYS
from flowc_shim.language.decode import plain
from flowc_shim.language.paths import PathSyntaxError, parse_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.source.model import At
    from flowc_shim.contract.json_types import Json


def decode_project(
    document: Document,
    diagnostics: Diagnostics,
    environ: Mapping[str, str],
    lenient: bool = False,
) -> Project | None:
    """Return the project of a file, or None if it is of no use.

    ``environ`` is what ``${VAR}`` means. Problems are reported and what they concern is left out;
    a barrier must follow. ``lenient``: unknown keys are warnings.
    """
    decoding = Decoding(diagnostics, lenient)
    root = interpolate(document, environ, decoding)
    refuse_complex_keys(root, decoding)
    fields = decoding.open(root, PROJECT, document.span)
    if fields is None:
        return None
    return _ProjectDecoder(fields, decoding, document).project()


@dataclass(slots=True)
class _ProjectDecoder:
    fields: Fields
    decoding: Decoding
    document: Document
    flow_spans: Mapping[str, Span] = field(default_factory=dict)
    environment_spans: Mapping[str, Span] = field(default_factory=dict)

    def project(self) -> Project:
        self.flow_spans = self._names("flows")
        self.environment_spans = self._names("environments")
        return Project(
            name=self.fields.text("project") or "",
            file=self.document.file,
            span=self.document.span,
            flows=self._flows(),
            environments=self._environments(),
            default_environment=self._default(),
            bindings=self._bindings(),
        )

    def _names(self, key: str) -> dict[str, Span]:
        raw = self.fields.raw.get(key)
        return {name: raw.key(name) for name in raw} if isinstance(raw, Map) else {}

    def _flows(self) -> dict[str, ProjectFlow]:
        found = {}
        for name, raw, at in self._opened("flows"):
            flow = self.decoding.open(raw, PROJECT_FLOW, at)
            file = None if flow is None else flow.located("file")
            if flow is None:
                continue
            triggers, strategy = self._triggers(flow), self._strategy(flow)
            if file is not None:
                found[name] = ProjectFlow(name, file, triggers or (), strategy)
        return found

    def _opened(self, key: str) -> list[tuple[str, Any, Span]]:
        if not self.fields.has(key):
            return []
        entries = self.decoding.entries(self.fields.raw[key], f"`{key}`", self.fields.value_at(key))
        return [(name, raw, at) for name, raw, _, at in entries]

    def _environments(self) -> dict[str, Environment]:
        found = {}
        for name, raw, at in self._opened("environments"):
            fields = self.decoding.open(raw, ENVIRONMENT, at)
            if fields is not None:
                environment = self._environment(name, fields)
                if environment is not None:
                    found[name] = environment
        return found

    def _environment(self, name: str, fields: Fields) -> Environment | None:
        variables: dict[str, Json] = {}
        spans: dict[str, Span] = {}
        if fields.has("variables"):
            variables, spans = decode_variables(
                fields.raw["variables"], fields.value_at("variables"), self.decoding
            )
        triggers: dict[str, tuple[Trigger, ...]] = {}
        strategies: dict[str, At[str]] = {}
        self._overrides(fields, triggers, strategies)
        stack = fields.located("stack")
        if stack is None:
            return None
        return Environment(
            name=name,
            stack=stack,
            span=self.environment_spans[name],
            protected=fields.flag("protected"),
            variables=variables,
            variable_spans=spans,
            triggers=triggers,
            strategies=strategies,
        )

    def _overrides(
        self,
        environment: Fields,
        triggers: dict[str, tuple[Trigger, ...]],
        strategies: dict[str, At[str]],
    ) -> None:
        if not environment.has("flows"):
            return
        for name, raw, key_at, at in self.decoding.entries(
            environment.raw["flows"], "`flows` of an environment", environment.value_at("flows")
        ):
            if name not in self.flow_spans:
                self._unknown("flow", name, key_at, self.flow_spans)
            fields = self.decoding.open(raw, FLOW_OVERRIDE, at)
            if fields is None:
                continue
            own = self._triggers(fields)
            if own is not None:
                triggers[name] = own
            strategy = self._strategy(fields)
            if strategy is not None:
                strategies[name] = strategy

    def _unknown(self, what: str, name: str, at: Span, known: Mapping[str, Span]) -> None:
        meant = nearest(name, known)
        self.decoding.report(
            codes.UNKNOWN_NAME,
            f"`{name}` is not {'an' if what == 'environment' else 'a'} {what} of this project",
            at,
            hint=f"write `{meant}`" if meant else None,
            secondary=[(known[meant], "did you mean this one?")] if meant else [],
        )

    def _triggers(self, fields: Fields) -> tuple[Trigger, ...] | None:
        """Return the triggers, None where the key is absent: ``[]`` takes triggers away."""
        if not fields.has("triggers"):
            return None
        found = []
        at = fields.value_at("triggers")
        for raw, raw_at in self.decoding.items(fields.raw["triggers"], "`triggers`", at):
            trigger = self.decoding.open(raw, TRIGGER, raw_at)
            cron = None if trigger is None else trigger.located("cron")
            if trigger is None or cron is None:
                continue
            self._check_cron(cron)
            timezone = trigger.located("timezone")
            self._check_timezone(timezone)
            given = trigger.raw.get("input")
            self._check_input(given)
            found.append(Trigger(cron, timezone, plain(given), raw_at))
        return tuple(found)

    def _check_cron(self, cron: At[str]) -> None:
        try:
            check_cron(cron.value)
        except CronError as error:
            at = self.document.within(cron.span, cron.value, error.offset, error.length)
            self.decoding.report(codes.INVALID_WORD, str(error), at)

    def _check_timezone(self, timezone: At[str] | None) -> None:
        known = time_zones()
        if timezone is None or not known or timezone.value in known:
            return
        meant = nearest(timezone.value, known)
        self.decoding.report(
            codes.INVALID_WORD,
            f"`{timezone.value}` is not an IANA time zone",
            timezone.span,
            hint=f"write `{meant}`" if meant else "for example `Europe/Rome`, or `UTC`",
        )

    def _check_input(self, given: Any) -> None:
        """Report value forms that mean nothing before there is a run."""
        stack = [given]
        while stack:
            node = stack.pop()
            if isinstance(node, Seq):
                stack.extend(node)
            elif isinstance(node, Map) and "$literal" not in node:
                for key in node:
                    if key.startswith("$") and key != "$trigger":
                        self.decoding.report(
                            codes.UNKNOWN_VALUE_FORM,
                            f"`{key}` is not a value form in a trigger's `input`; "
                            "there are `$trigger` and `$literal`",
                            node.key(key),
                        )
                if "$trigger" in node:
                    self._check_trigger_path(node)
                stack.extend(node.values())

    def _check_trigger_path(self, form: Map) -> None:
        """Report what is no path into a trigger: nobody would see it before the schedule's run."""
        at = form.value("$trigger")
        for key in form:
            if key != "$trigger":
                self.decoding.report(
                    codes.UNKNOWN_KEY, f"`{key}` is not a key of `$trigger`", form.key(key),
                    hint="`$trigger` takes no other key",
                )  # fmt: skip
        raw = form["$trigger"]
        if not isinstance(raw, str):
            message = f"`$trigger` takes a path such as `date`, not {describe(raw)}"
            self.decoding.report(codes.WRONG_TYPE, message, at)
            return
        try:
            path = parse_path(raw)
        except PathSyntaxError as error:
            self.decoding.report(codes.PATH_SYNTAX, str(error), at)
            return
        if path and path[0] not in TRIGGER_KEYS:
            meant = nearest(str(path[0]), TRIGGER_KEYS)
            known = ", ".join(f"`{key}`" for key in TRIGGER_KEYS)
            self.decoding.report(
                codes.PATH_NOT_IN_SCHEMA, f"a trigger has no `{path[0]}`", at,
                hint=f"write `{meant}`" if meant else f"it has {known}",
            )  # fmt: skip

    def _strategy(self, fields: Fields) -> At[str] | None:
        if not fields.has("strategy"):
            return None
        opened = self.decoding.open(fields.raw["strategy"], STRATEGY, fields.value_at("strategy"))
        return None if opened is None else opened.located("rule")

    def _default(self) -> At[str] | None:
        default = self.fields.located("default_environment")
        if default is not None and default.value not in self.environment_spans:
            self._unknown("environment", default.value, default.span, self.environment_spans)
        return default

    def _bindings(self) -> tuple[Binding, ...]:
        if not self.fields.has("bindings"):
            return ()
        at = self.fields.value_at("bindings")
        found = []
        for raw, raw_at in self.decoding.items(self.fields.raw["bindings"], "`bindings`", at):
            binding = self.decoding.open(raw, PORT if is_port(raw) else BINDING, raw_at)
            decoded = None if binding is None else self._binding(binding)
            if decoded is not None:
                found.append(decoded)
        return tuple(found)

    def _binding(self, fields: Fields) -> Binding | None:
        environments = fields.texts("environments")
        for name in environments:
            if name.value not in self.environment_spans:
                self._unknown("environment", name.value, name.span, self.environment_spans)
        what = "port" if is_port(fields.raw) else "step"
        written = fields.raw.get(what)
        flow, _, path = (written if isinstance(written, str) else "").partition("/")
        if written and flow not in self.flow_spans:
            self._unknown("flow", flow, fields.value_at(what), self.flow_spans)
        if what == "port":
            return decode_port(fields, flow, path, environments)
        stack = fields.located("stack")
        return decode_binding(fields, flow, path, environments=environments, stack=stack)
