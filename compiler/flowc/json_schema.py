"""What declared JSON Schemas say: whether they are valid, what a value violates, where paths lead.

Schemas are Draft 2020-12. Nothing is ever fetched: a reference out of the document is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json
    from flowc_shim.language.paths import Path

MAX_REFERENCES = 32
"""`$ref`s followed in a row; a chain longer than that says nothing."""

_OPEN_ENDED = (
    "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "$dynamicRef",
    "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
"""Keywords that may say more about members than the plain ones do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at ``path`` (into the value, or into the schema itself)."""

    path: Path
    message: str


def _refuse(uri: str) -> Any:
    raise ValueError(f"`{uri}` is outside the document, and nothing is fetched")


def _validator(schema: Json) -> Any:
    import jsonschema_rs  # native module; `flowc --help` must not load it

    return jsonschema_rs.Draft202012Validator(cast("Any", schema), retriever=_refuse)


def schema_problem(schema: Json) -> Problem | None:
    """Return why ``schema`` is not a valid JSON Schema, or None."""
    import jsonschema_rs

    try:
        jsonschema_rs.Draft202012Validator(cast("Any", schema), retriever=_refuse)
    except jsonschema_rs.ValidationError as error:
        return Problem(tuple(error.instance_path), error.message)
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        return Problem((), str(error).splitlines()[0])
    return None


def mismatches(schema: Json, value: Json) -> list[Problem]:
    """Return what in ``value`` violates ``schema``; nothing if the schema itself is invalid."""
    if schema_problem(schema) is not None:
        return []
    return [
        Problem(tuple(error.instance_path), error.message)
        for error in _validator(schema).iter_errors(value)
    ]


class Lead(Enum):
    """Where a path leads, by a schema."""

    SOMEWHERE = "somewhere"
    """To something declared, or to something that the schema does not forbid."""
    UNDECLARED = "undeclared"
    """To a name that is not among the declared ``properties`` of an open object."""
    NOWHERE = "nowhere"
    """To nothing that a value of this schema can have."""


@dataclass(frozen=True, slots=True)
class Found:
    """Result of :func:`follow_schema`: the schema there (True if unknown), or why there is none.

    ``part``: index of the part of the path that fails. ``known``: names that would have fitted.
    """

    lead: Lead
    schema: Json = True
    part: int = 0
    known: tuple[str, ...] = ()
    reason: str = ""


def follow_schema(schema: Json, path: Path, *, null_passes: bool = False) -> Found:
    """Return what ``schema`` says of the value at ``path`` within a value that satisfies it.

    ``null_passes``: a whole value of null gives null whatever the path, as for steps' outputs.
    """
    here = schema
    for index, part in enumerate(path):
        resolved = dereference(schema, here)
        if not isinstance(resolved, dict):
            if resolved is False:
                return Found(Lead.NOWHERE, True, index, reason="nothing is allowed here")
            return Found(Lead.SOMEWHERE)
        types = types_of(resolved)
        if index == 0 and null_passes and types is not None and types <= {"null"}:
            return Found(Lead.SOMEWHERE)
        step = _member(resolved, part, types)
        if isinstance(step, Found):
            return Found(step.lead, True, index, step.known, step.reason)
        here = step
    return Found(Lead.SOMEWHERE, here)


def _member(schema: dict[str, Json], part: str | int, types: frozenset[str] | None) -> Json | Found:
    wanted = "array" if isinstance(part, int) else "object"
    if types is not None and wanted not in types:
        described = " or ".join(sorted(types)) or "nothing"
        return Found(Lead.NOWHERE, reason=f"it is {_article(described)}, not {_article(wanted)}")
    if isinstance(part, int):
        return _item(schema, part)
    return _property(schema, part)


def _article(word: str) -> str:
    return word if word in ("null", "nothing") else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _property(schema: dict[str, Json], name: str) -> Json | Found:
    properties = schema.get("properties")
    declared = properties if isinstance(properties, dict) else {}
    if name in declared:
        return declared[name]
    if "patternProperties" in schema or any(word in schema for word in _OPEN_ENDED):
        return Found(Lead.SOMEWHERE)
    additional = schema.get("additionalProperties", True)
    known = tuple(declared)
    if additional is False:
        return Found(Lead.NOWHERE, known=known, reason="no such property, and no other is allowed")
    if isinstance(additional, dict):
        return additional
    if declared:
        return Found(Lead.UNDECLARED, known=known, reason="no such property is declared")
    return Found(Lead.SOMEWHERE)


def _item(schema: dict[str, Json], index: int) -> Json | Found:
    prefix = schema.get("prefixItems")
    if isinstance(prefix, list) and index < len(prefix):
        return prefix[index]
    most = schema.get("maxItems")
    if isinstance(most, int) and not isinstance(most, bool) and index >= most:
        return Found(Lead.NOWHERE, reason=f"it has at most {most} items")
    items = schema.get("items", True)
    if items is False:
        return Found(Lead.NOWHERE, reason="it has no such item")
    return items


def item_schema(schema: Json) -> Json:
    """Return what ``schema`` says of every item of a list, True if it says nothing."""
    resolved = dereference(schema, schema)
    if not isinstance(resolved, dict) or "prefixItems" in resolved:
        return True
    items = resolved.get("items", True)
    return dereference(schema, items) if isinstance(items, dict) else True


def dereference(root: Json, schema: Json) -> Json:
    """Return ``schema`` with a local ``$ref`` of its own followed; True where that leads nowhere.

    A ``$ref`` beside other keywords is conjunctive; only a lone one is followed.
    """
    for _ in range(MAX_REFERENCES):
        if not isinstance(schema, dict) or "$ref" not in schema:
            return schema
        others = set(schema) - {"$ref", "description", "title", "$comment", "default"}
        reference = schema["$ref"]
        if others or not isinstance(reference, str) or not reference.startswith("#"):
            return True
        schema = _pointed(root, reference[1:])
    return True


def _pointed(root: Json, pointer: str) -> Json:
    here = root
    for raw in pointer.split("/")[1:]:
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return True
    return here


def types_of(schema: Json) -> frozenset[str] | None:
    """Return the types that a value of ``schema`` may have, None if it does not say."""
    if not isinstance(schema, dict):
        return None
    if "const" in schema:
        return frozenset({type_name(schema["const"])})
    declared = schema.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list):
        return frozenset(word for word in declared if isinstance(word, str))
    choices = schema.get("enum")
    if isinstance(choices, list):
        return frozenset(type_name(choice) for choice in choices)
    return None


def type_name(value: Json) -> str:
    """Return JSON Schema's name of the type of ``value``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def compatible(have: frozenset[str], want: frozenset[str]) -> bool:
    """Whether some value can be of one type in each set (an integer is a number)."""
    return bool(_widened(have) & _widened(want))


def _widened(types: frozenset[str]) -> frozenset[str]:
    # A number may happen to be whole, so number and integer never exclude each other.
    return types | {"integer", "number"} if types & {"integer", "number"} else types
