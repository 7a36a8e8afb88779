"""The registry of codes: one line each, ordered by number within its range.

To add a code, write its line at the end of its range and its page ``explain/FC###.md``. A number is
never used for a second meaning: one that is withdrawn stays listed, with "withdrawn" as its title.

Ranges: FC0xx project and command line, FC1xx reading and shape, FC2xx names and graph, FC3xx stack
and resources, FC4xx routes and data types, FC5xx what the chosen target cannot do (FC51x Argo,
FC52x Step Functions), FC9xx compiler bugs.
"""

from __future__ import annotations

from flowc.diagnostics.model import Code, Severity

_registry: dict[str, Code] = {}
_WARNING = Severity.WARNING
_NOTE = Severity.NOTE


def _code(number: str, title: str, severity: Severity = Severity.ERROR) -> Code:
    if number in _registry:
        raise RuntimeError(f"{number} is registered twice")
    if len(number) != 5 or not number.startswith("FC") or not number[2:].isdigit():
        raise RuntimeError(f"{number} is not of the form FC###")
    code = _registry[number] = Code(number, title, severity)
    return code


def all_codes() -> tuple[Code, ...]:
    """Return every registered code, by number."""
    return tuple(_registry[number] for number in sorted(_registry))


def find(number: str) -> Code | None:
    """Return the code of that number (any case, with or without ``FC``), or None."""
    number = number.strip().upper()
    return _registry.get(number if number.startswith("FC") else f"FC{number}")


# FC0xx project and command line
UNKNOWN_NAME = _code("FC001", "unknown flow, environment or stack")
PROJECT_FILE = _code("FC002", "project file problem")
FILE_NOT_READABLE = _code("FC003", "file not found or not readable")
VARIABLE_WITHOUT_VALUE = _code("FC004", "variable without value")
INPUT_NOT_JSON = _code("FC005", "input is not valid JSON")
UNKNOWN_TARGET = _code("FC006", "unknown target")
ENVIRONMENT_VARIABLE_NOT_SET = _code("FC007", "environment variable not set")
TEST_CASE = _code("FC008", "test case failed or invalid")

# FC1xx reading and shape
YAML_SYNTAX = _code("FC101", "syntax error")
EMPTY_DOCUMENT = _code("FC102", "empty document")
DUPLICATE_KEY = _code("FC103", "duplicate key")
UNKNOWN_KEY = _code("FC104", "unknown key")
TOO_MANY_ALIASES = _code("FC105", "too many aliases")
MERGE_KEY = _code("FC106", "merge key")
TAG = _code("FC107", "tag")
SEVERAL_DOCUMENTS = _code("FC108", "several documents in one file")
NESTING_TOO_DEEP = _code("FC109", "nesting too deep")
NUMBER = _code("FC110", "number out of bounds")
WRONG_TYPE = _code("FC111", "wrong type of value")
MISSING_KEY = _code("FC112", "missing required key")
INVALID_WORD = _code("FC113", "invalid value")
MIXED_DIALECTS = _code("FC114", "dialects mixed")
FLOWC_KEY_IN_STEPFLOW = _code("FC115", "flowc key in a Stepflow dialect")
UNKNOWN_VALUE_FORM = _code("FC116", "unknown `$` key in a value")
PATH_SYNTAX = _code("FC117", "path syntax")
NOT_BUILT_YET = _code("FC118", "not built yet")
IGNORED_KEY = _code("FC119", "ignored key", _WARNING)
NEVER_IMPLEMENTED_KEY = _code("FC120", "key that no Stepflow release implements")
CONTRADICTORY_KEYS = _code("FC121", "contradictory keys")
COMPLEX_KEY = _code("FC122", "complex key not allowed here")

# FC2xx names and graph
UNKNOWN_STEP = _code("FC201", "unknown step")
DUPLICATE_STEP = _code("FC202", "duplicate step id")
SELF_REFERENCE = _code("FC203", "step refers to itself")
CYCLE = _code("FC204", "cycle")
UNREACHABLE_STEP = _code("FC205", "step that never runs", _WARNING)
STEP_IN_OTHER_SCOPE = _code("FC206", "step in another scope")
UNKNOWN_LOOP = _code("FC207", "unknown loop")
UNKNOWN_VARIABLE = _code("FC208", "unknown variable")
MAY_BE_SKIPPED = _code("FC209", "reference to a step that may be skipped")
NEVER_SKIPPED = _code("FC210", "onSkip on a step that cannot be skipped", _WARNING)
DEMAND_WIDENED = _code("FC211", "demand widened", _NOTE)
EXPRESSION_SYNTAX = _code("FC212", "expression syntax")
EXPRESSION_NAME = _code("FC213", "unknown name in an expression")
EXPRESSION_TYPE = _code("FC214", "type error in an expression")
STRICT_JOIN_ANY = _code("FC215", "strict reference under `join: any`")
OVERRIDE_UNKNOWN_STEP = _code("FC216", "override of an unknown step")
LOOPS_TOO_DEEP = _code("FC217", "loops nested too deep")
SUB_FLOW_CYCLE = _code("FC218", "flows that run each other")
NOT_A_SUB_FLOW = _code("FC219", "flow that no step can run")
UNKNOWN_PORT = _code("FC220", "unknown port")

# FC3xx stack and resources
UNKNOWN_CLASS = _code("FC301", "unknown component class")
ROUTE_CONFLICT = _code("FC302", "route conflict")
ROUTE_PATTERN = _code("FC303", "invalid route pattern")
RESOURCE_QUANTITY = _code("FC304", "invalid resource quantity")
RESOURCE_EXCEEDED = _code("FC305", "requirement exceeds the class")
RESOURCE_UNSTATED = _code("FC306", "class states no resources", _NOTE)
PLUGIN_TYPE = _code("FC307", "plugin type not available")
STORE_CANNOT_SERVE = _code("FC308", "store cannot serve the target")
TARGET_DIFFERS = _code("FC309", "stack is for another target")
UNKNOWN_PROFILE = _code("FC310", "unknown resource profile")
PLUGIN_CONFIGURATION = _code("FC311", "invalid plugin configuration")
PREEMPTIBLE = _code("FC312", "preemptible without a retry")
DATA_ELSEWHERE = _code("FC313", "data or servers in another place", _NOTE)

# FC4xx routes and data types
NO_ROUTE = _code("FC401", "no route takes the component")
COMPONENT_DENIED = _code("FC402", "component denied")
INPUT_MISMATCH = _code("FC403", "input does not match the schema")
PATH_NOT_IN_SCHEMA = _code("FC404", "path not in the schema")
OUTPUT_MISMATCH = _code("FC405", "output does not match the schema")
DEFAULT_MISMATCH = _code("FC406", "default does not match the schema")
INVALID_SCHEMA = _code("FC407", "invalid JSON Schema")
UNKNOWN_COMPONENT = _code("FC408", "component unknown to its class")

# FC5xx what the chosen target cannot do
UNSUPPORTED = _code("FC501", "not supported by the target")
TARGET_NAME = _code("FC502", "name invalid on the target")
# FC503 is withdrawn, and its number not used again: names are made unique, they never collide.
SIZE_LIMIT = _code("FC504", "size limit exceeded")
TIME_LIMIT = _code("FC505", "time limit exceeded")
SECRET_ON_TARGET = _code("FC506", "secret on this target")
# FC51x Argo
# FC52x Step Functions
PARALLELISM_LOST = _code("FC520", "parallelism lost", _NOTE)
ROUNDED_UP = _code("FC521", "size rounded up", _NOTE)

# FC9xx compiler bugs
COMPILER_BUG = _code("FC900", "compiler bug")
