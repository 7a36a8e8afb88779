"""Decoding of values, in each spelling.

The compiler decodes files with it (handing in where things stand and a reporter that collects),
and the shim decodes plans and flows that arrive as data (where the first problem raises).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flowc_shim.language import values as v
from flowc_shim.language.forms import (
    A_FILE,
    ALLOWED_KEYS,
    EXTRA_KEYS,
    FORMS,
    JSON_SCHEMA_WORDS,
    Locate,
    Problem,
    Spelling,
    ValueSyntaxError,
    names_file,
)
from flowc_shim.language.paths import Path, PathSyntaxError, parse_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowc_shim.contract.json_types import Json


def _nowhere(_container: Any, _key: str | int, _part: str) -> object:
    return None


def _raise(problem: Problem) -> None:
    raise ValueSyntaxError(problem)


@dataclass(slots=True)
class _Decoder:
    spelling: Spelling
    locate: Locate = _nowhere
    report: Callable[[Problem], None] = _raise
    forms: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.forms = FORMS[self.spelling]

    def decode(self, raw: Any, at: object) -> v.Value:
        # Few frames per level: files may nest 200 deep, and Python stops at 1,000 frames.
        if isinstance(raw, dict):
            form = self._form_of(raw)
            if form is not None:
                decode_form: Callable[[dict[str, Any], object], v.Value]
                decode_form = getattr(self, "_" + form[1:])
                return decode_form(raw, at)
            return v.ObjectValue(
                tuple(
                    (key, self.decode(member, self.locate(raw, key, "value")))
                    for key, member in raw.items()
                ),
                at,
            )
        if isinstance(raw, list):
            return v.ListValue(
                tuple(
                    self.decode(item, self.locate(raw, i, "value")) for i, item in enumerate(raw)
                ),
                at,
            )
        return v.Literal(raw, at)

    def _form_of(self, raw: dict[str, Any]) -> str | None:
        """Return the form that ``raw`` is, None for plain data; reports keys that do not fit."""
        for form in self.forms:
            if form in raw:
                self._check_extra_keys(raw, form)
                return form
        for key in raw:
            if key.startswith("$") and key not in JSON_SCHEMA_WORDS:
                self._unknown_form(raw, key)
        return None

    def _unknown_form(self, raw: dict[str, Any], key: str) -> None:
        known = ", ".join(f"`{form}`" for form in self.forms)
        self.report(
            Problem(
                "unknown_form",
                f"`{key}` is not a value form here (known: {known})",
                self.locate(raw, key, "key"),
                "write `$literal: …` around data that holds such a key",
                key,
            )
        )

    def _check_extra_keys(self, raw: dict[str, Any], form: str) -> None:
        allowed = ALLOWED_KEYS[self.spelling][form]
        if raw.keys() <= allowed:
            return
        for key in raw:
            if key not in allowed:
                self.report(
                    Problem(
                        "unknown_key",
                        f"`{key}` is not a key of `{form}`",
                        self.locate(raw, key, "key"),
                        f"`{form}` takes {', '.join(f'`{k}`' for k in sorted(allowed - {form}))}"
                        if len(allowed) > 1
                        else f"`{form}` takes no other key",
                        key,
                    )
                )

    def _member(self, raw: dict[str, Any], key: str) -> v.Value:
        return self.decode(raw[key], self.locate(raw, key, "value"))

    def _text(self, raw: dict[str, Any], key: str) -> str:
        text = raw[key]
        if isinstance(text, str):
            return text
        self.report(Problem("wrong_type", f"`{key}` takes a text", self.locate(raw, key, "value")))
        return ""

    def _path(self, raw: dict[str, Any], key: str) -> Path:
        optional = key == "path" or (key == "$input" and self.spelling is Spelling.MODERN)
        if optional and raw.get(key) is None:
            return ()
        text = self._text(raw, key)
        try:
            return parse_path(text)
        except PathSyntaxError as error:
            self.report(
                Problem(
                    "path",
                    str(error),
                    self.locate(raw, key, "value"),
                    'write `name` for one field, or `$.a[0]["b"]`',
                )
            )
            return ()

    def _literal(self, raw: dict[str, Any], at: object) -> v.Value:
        return v.Literal(plain(raw["$literal"]), at)

    def _if(self, raw: dict[str, Any], at: object) -> v.Value:
        if "then" not in raw:
            self.report(
                Problem("missing_key", "`$if` needs `then`", self.locate(raw, "$if", "key"))
            )
            return v.NULL
        otherwise = self._member(raw, "else") if "else" in raw else None
        return v.If(self._member(raw, "$if"), self._member(raw, "then"), otherwise, at)

    def _coalesce(self, raw: dict[str, Any], at: object) -> v.Value:
        members = self._member(raw, "$coalesce")
        if not isinstance(members, v.ListValue):
            at = self.locate(raw, "$coalesce", "value")
            self.report(Problem("wrong_type", "`$coalesce` takes a list", at))
            return v.NULL
        return v.Coalesce(tuple(_tolerate(member) for member in members.items), at)

    def _step(self, raw: dict[str, Any], at: object) -> v.Value:
        on_skip = self._member(raw, "onSkip") if "onSkip" in raw else None
        return v.StepRef(
            self._text(raw, "$step"),
            self._path(raw, "path"),
            tolerant=on_skip is not None or bool(raw.get("tolerant")),
            on_skip=on_skip,
            at=self.locate(raw, "$step", "value"),
        )

    def _input(self, raw: dict[str, Any], at: object) -> v.Value:
        return v.InputRef(self._path(raw, "$input"), self.locate(raw, "$input", "value"))

    def _variable(self, raw: dict[str, Any], at: object) -> v.Value:
        path = self._path(raw, "$variable")
        if not path or not isinstance(path[0], str):
            self.report(
                Problem(
                    "path",
                    "`$variable` takes a variable's name, with a path behind it if need be",
                    self.locate(raw, "$variable", "value"),
                )
            )
            return v.NULL
        default = self._member(raw, "default") if "default" in raw else None
        return v.VariableRef(path[0], path[1:], default, self.locate(raw, "$variable", "value"))

    def _expr(self, raw: dict[str, Any], at: object) -> v.Value:
        steps = raw.get("steps") if self.spelling is Spelling.PLAN else None
        return v.Expr(
            self._text(raw, "$expr"),
            tuple(sorted((steps or {}).items())),
            self.locate(raw, "$expr", "value"),
        )

    def _item(self, raw: dict[str, Any], at: object) -> v.Value:
        here = self.locate(raw, "$item", "value")
        spec = raw["$item"]
        if isinstance(spec, dict):
            loop = self._text(spec, "loop") if "loop" in spec else None
            for key in spec:
                if key not in ("loop", "path"):
                    self.report(
                        Problem(
                            "unknown_key",
                            f"`{key}` is not a key of `$item`",
                            self.locate(spec, key, "key"),
                            "`$item` takes a path, or `loop` and `path`",
                        )
                    )
            return v.ItemRef(loop, self._path(spec, "path"), here)
        return v.ItemRef(None, self._path(raw, "$item"), here)

    def _index(self, raw: dict[str, Any], at: object) -> v.Value:
        here = self.locate(raw, "$index", "value")
        spec = raw["$index"]
        if isinstance(spec, dict) and set(spec) == {"loop"}:
            return v.IndexRef(self._text(spec, "loop"), here)
        if spec is not True:
            self.report(Problem("wrong_type", "`$index` takes `true` or `{loop: id}`", here))
        return v.IndexRef(None, here)

    def _state(self, raw: dict[str, Any], at: object) -> v.Value:
        here = self.locate(raw, "$state", "value")
        spec = raw["$state"]
        if self.spelling is Spelling.PLAN and isinstance(spec, dict):
            return v.StateRef(self._text(spec, "loop"), self._path(spec, "path"), here)
        return v.StateRef(None, self._path(raw, "$state"), here)

    def _iteration(self, raw: dict[str, Any], at: object) -> v.Value:
        here = self.locate(raw, "$iteration", "value")
        spec = raw["$iteration"]
        if self.spelling is Spelling.PLAN and isinstance(spec, dict):
            return v.IterationRef(self._text(spec, "loop"), here)
        if spec is not True:
            self.report(Problem("wrong_type", "`$iteration` takes `true`", here))
        return v.IterationRef(None, here)

    def _run(self, raw: dict[str, Any], at: object) -> v.Value:
        return v.RunRef(self._path(raw, "$run"), self.locate(raw, "$run", "value"))

    def _trigger(self, raw: dict[str, Any], at: object) -> v.Value:
        return v.TriggerRef(self._path(raw, "$trigger"), self.locate(raw, "$trigger", "value"))

    def _artifact(self, raw: dict[str, Any], at: object) -> v.Value:
        uri = self._text(raw, "$artifact")
        if not names_file(uri):
            here = self.locate(raw, "$artifact", "value")
            self.report(Problem("word", f"`$artifact` takes {A_FILE}", here))
        return v.Literal({"$artifact": uri}, at)

    def _from(self, raw: dict[str, Any], at: object) -> v.Value:
        source = raw["$from"]
        here = self.locate(raw, "$from", "value")
        if not isinstance(source, dict):
            self.report(Problem("wrong_type", "`$from` takes a mapping", here))
            return v.NULL
        path = self._path(raw, "path")
        self._check_source_keys(source)
        if "step" in source:
            tolerant, on_skip = self._classic_on_skip(raw)
            return v.StepRef(
                self._text(source, "step"), path, tolerant, on_skip,
                self.locate(source, "step", "value"),
            )  # fmt: skip
        if "workflow" in source:
            if source["workflow"] != "input":
                self.report(
                    Problem(
                        "word", "`workflow` takes `input`", self.locate(source, "workflow", "value")
                    )
                )
            return v.InputRef(path, here)
        if "variable" in source:
            default = self._member(source, "default") if "default" in source else None
            name = self._path(source, "variable") or ("",)
            return v.VariableRef(
                str(name[0]), (*name[1:], *path), default, self.locate(source, "variable", "value")
            )
        self.report(Problem("missing_key", "`$from` needs `step`, `workflow` or `variable`", here))
        return v.NULL

    def _check_source_keys(self, source: dict[str, Any]) -> None:
        kind = next((key for key in ("step", "workflow", "variable") if key in source), None)
        allowed = {"variable", "default"} if kind == "variable" else {kind}
        for key in source if kind else ():
            if key not in allowed:
                self.report(
                    Problem(
                        "unknown_key",
                        f"`{key}` is not a key of `$from` with `{kind}`",
                        self.locate(source, key, "key"),
                        "`path` and `onSkip` stand beside `$from`"
                        if key in EXTRA_KEYS["$from"]
                        else None,
                        key,
                    )
                )

    def _classic_on_skip(self, raw: dict[str, Any]) -> tuple[bool, v.Value | None]:
        spec = raw.get("onSkip")
        if spec is None:
            return False, None
        action = spec.get("action") if isinstance(spec, dict) else None
        if action == "skip":
            return False, None
        if action == "useDefault":
            value = self._member(spec, "defaultValue") if "defaultValue" in spec else None
            return True, value
        self.report(
            Problem(
                "word",
                "`onSkip` takes `action: skip` or `action: useDefault`",
                self.locate(raw, "onSkip", "value"),
            )
        )
        return False, None


def _tolerate(value: v.Value) -> v.Value:
    """Return ``value`` with every step reference in it made tolerant (inside ``$coalesce``)."""
    if isinstance(value, v.StepRef):
        return v.StepRef(value.step, value.path, True, value.on_skip, value.at)
    if isinstance(value, v.ObjectValue):
        return v.ObjectValue(tuple((k, _tolerate(m)) for k, m in value.members), value.at)
    if isinstance(value, v.ListValue):
        return v.ListValue(tuple(_tolerate(m) for m in value.items), value.at)
    if isinstance(value, v.VariableRef) and value.default is not None:
        return v.VariableRef(value.name, value.path, _tolerate(value.default), value.at)
    if isinstance(value, v.If):
        return v.If(
            _tolerate(value.condition),
            _tolerate(value.then),
            None if value.otherwise is None else _tolerate(value.otherwise),
            value.at,
        )
    return value


def plain(raw: Any) -> Json:
    """Return ``raw`` as plain dicts and lists (located data keeps positions in subclasses)."""
    if isinstance(raw, dict):
        return {key: plain(member) for key, member in raw.items()}
    if isinstance(raw, list):
        return [plain(item) for item in raw]
    return raw


def decode_value(
    raw: Any,
    spelling: Spelling,
    *,
    at: object = None,
    locate: Locate = _nowhere,
    report: Callable[[Problem], None] = _raise,
) -> v.Value:
    """Return the value that ``raw`` spells.

    ``locate(container, key, part)`` gives the position of a key or of its value; ``report`` gets
    each problem, and decoding goes on with null in its place. By default nothing is located and
    the first problem raises ValueSyntaxError.
    """
    return _Decoder(spelling, locate, report).decode(raw, at)
