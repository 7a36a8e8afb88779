"""Component classes of a stack: the entries of ``plugins``, by type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowc.diagnostics import Span, codes
from flowc.source.decode_deploy import decode_deploy
from flowc.source.decode_docker import check_image, decode_class_docker
from flowc.source.decode_profiles import decode_class_resources
from flowc.source.fields import Decoding, Fields, Refusal, describe, nearest
from flowc.source.located import Map
from flowc.source.model import At
from flowc.source.secrets import decode_env
from flowc.source.stack_model import ComponentClass, Profile
from flowc.source.stack_tables import (
    COMMAND_COMPONENT,
    CONTAINER_COMPONENT,
    DEPLOY,
    HEALTH_CHECK,
    MOCK_COMPONENT,
    PLUGIN_SHAPES,
)
from flowc_shim.language.decode import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_shim.contract.json_types import Json

BUILTIN_COMPONENTS = (
    "/create_messages", "/eval", "/get_blob", "/iterate", "/load_file", "/map", "/noop", "/openai",
    "/put_blob", "/sleep",
)  # fmt: skip
_HTTP = "serve the components over HTTP: `type: stepflow` with `url` or `command` (SDK 0.9 to 0.11)"
REFUSED_TYPES = {
    "grpc": Refusal(
        codes.PLUGIN_TYPE, "is not available: its workers pull tasks from a server", _HTTP
    ),
    "nats": Refusal(
        codes.PLUGIN_TYPE, "is not available: its workers pull tasks from a broker", _HTTP
    ),
    "mcp": Refusal(
        codes.PLUGIN_TYPE,
        "is not available: MCP tools keep a session that ends with their process",
        "call the tool from a component server: `type: stepflow`",
    ),
}
_MODULE_FUNCTION = "a function is written `module.sub:function`"


def decode_classes(
    stack: Fields, profiles: Mapping[str, Profile], decoding: Decoding
) -> dict[str, ComponentClass]:
    """Return the component classes by name; those of no use are reported and left out."""
    raw = stack.get("plugins")
    found: dict[str, ComponentClass] = {}
    if raw is not None:
        for name, plugin, key_at, at in decoding.entries(
            raw, "`plugins`", stack.value_at("plugins")
        ):
            decoded = decode_class(name, plugin, key_at, at, profiles, decoding)
            if decoded is not None:
                found[name] = decoded
    return found


def decode_class(
    name: str,
    raw: Any,
    name_at: Span,
    at: Span,
    profiles: Mapping[str, Profile],
    decoding: Decoding,
) -> ComponentClass | None:
    """Return one component class, None (reported) if it is of no use."""
    kind = _kind(name, raw, at, decoding)
    if kind is None:
        return None
    fields = decoding.open(raw, PLUGIN_SHAPES[kind], at)
    if fields is None:
        return None
    resources, profile = decode_class_resources(fields, profiles)
    decoded = ComponentClass(
        name=name,
        type=kind,
        config={"type": kind, **_version(fields)},
        span=name_at,
        resources=resources,
        profile=profile,
        docker=decode_class_docker(fields),
    )
    decoded = _BY_TYPE[kind](decoded, fields, profiles)
    return replace(decoded, unavailable=_stdio(raw))


def _version(fields: Fields) -> dict[str, Json]:
    """Return what the class says of its version: the keys of cached results hold it."""
    version = fields.text("version")
    return {} if version is None else {"version": version}


def _kind(name: str, raw: Any, at: Span, decoding: Decoding) -> str | None:
    """Return the type of a plugin if it is one that there is."""
    if not isinstance(raw, Map) or "type" not in raw:
        what = describe(raw) if not isinstance(raw, Map) else None
        decoding.report(
            codes.MISSING_KEY if what is None else codes.WRONG_TYPE,
            f"plugin `{name}` needs `type`"
            if what is None
            else f"plugin `{name}` is a mapping with `type`, not {what}",
            at,
        )
        return None
    kind, kind_at = raw["type"], raw.value("type")
    if isinstance(kind, str) and kind in PLUGIN_SHAPES:
        return kind
    refusal = REFUSED_TYPES.get(kind) if isinstance(kind, str) else None
    if refusal is not None:
        decoding.report(refusal.code, f"`{kind}` {refusal.message}", kind_at, hint=refusal.hint)
        return None
    meant = nearest(kind, PLUGIN_SHAPES) if isinstance(kind, str) else None
    known = ", ".join(f"`{known}`" for known in PLUGIN_SHAPES)
    decoding.report(
        codes.PLUGIN_TYPE,
        f"{describe(kind)} is not a type of plugin; there are {known}",
        kind_at,
        hint=f"write `{meant}`" if meant else None,
    )
    return None


def _stdio(raw: Map) -> At[str] | None:
    """Return why a class that speaks over a pipe cannot be called.

    Stepflow's first configuration files are full of such classes, and most of their flows use none.
    """
    if raw["type"] != "stepflow" or raw.get("transport") != "stdio":
        return None
    return At(
        "`transport: stdio` is not available: one pipe serves one caller and cannot be reached "
        "from containers",
        raw.value("transport"),
    )


def _with(decoded: ComponentClass, **config: Json) -> ComponentClass:
    """Return the class with those settings that are not None."""
    more = {name: value for name, value in config.items() if value is not None}
    return replace(decoded, config={**decoded.config, **more})


def _builtin(
    decoded: ComponentClass, fields: Fields, profiles: Mapping[str, Profile]
) -> ComponentClass:
    return replace(decoded, components=BUILTIN_COMPONENTS)


def _stepflow(
    decoded: ComponentClass, fields: Fields, profiles: Mapping[str, Profile]
) -> ComponentClass:
    _check_one_way(decoded.name, fields)
    fields.get("transport")
    url = fields.text("url")
    # What still begins like a reference was not set, and that was reported.
    if url is not None and not url.startswith(("http://", "https://", "${")):
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            f"`url` is an `http://` or `https://` address, not {describe(url)}",
            fields.value_at("url"),
        )
    decoded = _with(
        decoded,
        url=url,
        healthCheck=_health_check(fields),
        **(_process(fields) if fields.has("command") else {}),
    )
    if fields.flag("blobs"):
        decoded = replace(decoded, blobs=At(True, fields.key_at("blobs")))
    opened = _open(fields, "deploy", DEPLOY)
    if opened is None:
        return decoded
    check_image(opened, fields)
    if fields.has("resources") and opened.has("resources"):
        fields.decoding.report(
            codes.PLUGIN_CONFIGURATION,
            f"plugin `{decoded.name}` has `resources` twice; what a server gets is what it has",
            opened.key_at("resources"),
            secondary=[(fields.key_at("resources"), "said here as well")],
        )
    resources, profile = decoded.resources, decoded.profile
    if resources is None:
        resources, profile = decode_class_resources(opened, profiles)
    deploy = decode_deploy(opened, resources, profiles[profile] if profile else None)
    return replace(decoded, deploy=deploy, resources=resources, profile=profile)


def _check_one_way(name: str, fields: Fields) -> None:
    """Report a class that says in no way, or in two, where its server is."""
    ways = [key for key in ("url", "command", "deploy") if fields.has(key)]
    if not ways:
        fields.report(
            codes.PLUGIN_CONFIGURATION, f"plugin `{name}` needs `url`, `command` or `deploy`"
        )
    for key in ways[1:]:
        fields.decoding.report(
            codes.PLUGIN_CONFIGURATION,
            f"plugin `{name}` has `{ways[0]}` and `{key}`; one of them says where the server is",
            fields.key_at(key),
            secondary=[(fields.key_at(ways[0]), "said here as well")],
        )
    if "deploy" not in ways and fields.has("docker"):
        fields.report(
            codes.PLUGIN_CONFIGURATION,
            "`docker` is for a server that flowc brings up, with `deploy`",
            fields.key_at("docker"),
        )
    if "command" not in ways:
        for key in ("args", "env", "working_directory", "healthCheck"):
            if fields.has(key):
                fields.report(
                    codes.PLUGIN_CONFIGURATION,
                    f"`{key}` is for a server that flowc starts, with `command`",
                    fields.key_at(key),
                )


def _process(fields: Fields) -> dict[str, Json]:
    env = _env(fields)
    return {
        "command": fields.text("command"),
        "args": [arg.value for arg in fields.texts("args")] or None,
        "env": env,
        "working_directory": fields.text("working_directory"),
    }


def _env(fields: Fields) -> dict[str, Json] | None:
    if not fields.has("env"):
        return None
    return decode_env(fields.raw["env"], "`env`", fields.value_at("env"), fields.decoding)


def _open(fields: Fields, key: str, shape: Any) -> Fields | None:
    raw = fields.get(key)
    return None if raw is None else fields.decoding.open(raw, shape, fields.value_at(key))


def _health_check(fields: Fields) -> Json:
    check = _open(fields, "healthCheck", HEALTH_CHECK)
    if check is None:
        return None
    found = {key: check.get(key) for key in HEALTH_CHECK.keys}
    return {key: value for key, value in found.items() if value is not None}


def _python(
    decoded: ComponentClass, fields: Fields, profiles: Mapping[str, Profile]
) -> ComponentClass:
    components = fields.text_map("components")
    for path, function in components.items():
        at = fields.raw["components"].value(path)
        _check_path(path, fields.raw["components"].key(path), fields)
        module, colon, name = function.partition(":")
        if not (colon and module and name.isidentifier()):
            fields.report(codes.PLUGIN_CONFIGURATION, f"{_MODULE_FUNCTION}", at)
    return _with(
        decoded,
        module=fields.text("module"),
        components=dict(components) or None,
        env=_env(fields),
        working_directory=fields.text("working_directory"),
    )


def _check_path(path: str, at: Span, fields: Fields) -> None:
    if not path.startswith("/"):
        fields.report(
            codes.PLUGIN_CONFIGURATION, "a component's name begins with `/`", at, f"write `/{path}`"
        )


def _programs(shape: Any) -> Callable[..., ComponentClass]:
    """Return the decoder of a class whose components are programs of ``shape``."""

    def decode(
        decoded: ComponentClass, fields: Fields, profiles: Mapping[str, Profile]
    ) -> ComponentClass:
        programs: dict[str, Json] = {}
        for path, opened in _components(fields, shape):
            if "image" in shape.keys:
                check_image(opened, fields)
            program: dict[str, Json] = {
                "image": opened.text("image") if "image" in shape.keys else None,
                "command": _command_line(opened),
                "args": [arg.value for arg in opened.texts("args")] or None,
                "env": _env(opened),
            }
            if "working_directory" in shape.keys:
                program["working_directory"] = opened.text("working_directory")
            programs[path] = {k: value for k, value in program.items() if value is not None}
        return replace(_with(decoded, components=programs), components=tuple(programs))

    return decode


def _components(fields: Fields, shape: Any) -> list[tuple[str, Fields]]:
    raw = fields.get("components")
    found = []
    if raw is not None:
        at = fields.value_at("components")
        for path, component, key_at, value_at in fields.decoding.entries(raw, "`components`", at):
            _check_path(path, key_at, fields)
            opened = fields.decoding.open(component, shape, value_at)
            if opened is not None:
                found.append((path, opened))
    return found


def _command_line(fields: Fields) -> list[Json] | None:
    raw = fields.get("command")
    if raw is None:
        return None
    return [raw] if isinstance(raw, str) else [word.value for word in fields.texts("command")]


def _mock(
    decoded: ComponentClass, fields: Fields, profiles: Mapping[str, Profile]
) -> ComponentClass:
    components: dict[str, Json] = {}
    schemas: dict[str, dict[str, Json]] = {"input_schema": {}, "output_schema": {}}
    for path, opened in _components(fields, MOCK_COMPONENT):
        for key, by_path in schemas.items():
            if opened.has(key):
                by_path[path] = plain(opened.raw[key])
        components[path] = {"behaviors": _behaviors(opened)}
    return replace(
        _with(decoded, components=components),
        components=tuple(components),
        input_schemas=schemas["input_schema"],
        output_schemas=schemas["output_schema"],
    )


def _behaviors(fields: Fields) -> list[Json]:
    """Return ``[input, behavior]`` pairs: in YAML the inputs are keys, which may be mappings."""
    raw = fields.get("behaviors")
    if raw is None:
        return []
    pairs = list(raw.items()) if raw.pairs is None else raw.pairs
    for _, behavior in pairs:
        if not _is_behavior(behavior):
            at = behavior.span if isinstance(behavior, Map) else fields.value_at("behaviors")
            fields.report(
                codes.PLUGIN_CONFIGURATION,
                "a behavior is `{outcome: success, result: …}`, "
                "`{outcome: failed, error: {code, message}}` or `{error: message}`",
                at,
            )
    return [[plain(key), plain(behavior)] for key, behavior in pairs]


def _is_behavior(raw: Any) -> bool:
    return isinstance(raw, Map) and (raw.get("outcome") in ("success", "failed") or "error" in raw)


_BY_TYPE: Mapping[str, Callable[..., ComponentClass]] = {
    "builtin": _builtin,
    "stepflow": _stepflow,
    "python": _python,
    "command": _programs(COMMAND_COMPONENT),
    "container": _programs(CONTAINER_COMPONENT),
    "mock": _mock,
}
