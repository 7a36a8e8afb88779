"""Reading the input of a built-in component; what does not fit is an error of the flow's author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowc_shim.contract.errors import FlowError, final_error

if TYPE_CHECKING:
    from flowc_shim.contract.json_types import Json

_REQUIRED = object()


def invalid(message: str) -> FlowError:
    """Build the error of an input that a component cannot take."""
    return final_error("INVALID_INPUT", message)


class Fields:
    """The fields of one input, read by name and type; raises FlowError INVALID_INPUT.

    A field that is null counts as absent, and fields that a component does not have are ignored,
    both as upstream: a flow may hand over a larger object as it is.
    """

    def __init__(self, component: str, value: Json) -> None:
        self._component = component
        if not isinstance(value, dict):
            raise invalid(f"{component}: the input has to be an object")
        self._value: dict[str, Any] = value

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        """Return a string."""
        return self._read(name, default, str, "a string")

    def items(self, name: str) -> list[Json]:
        """Return a list."""
        value: list[Json] = self._read(name, _REQUIRED, list, "a list")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object."""
        value: dict[str, Any] = self._read(name, _REQUIRED, dict, "an object")
        return value

    def count(self, name: str, default: Any) -> Any:
        """Return a positive integer."""
        value = self._read(name, default, int, "an integer")
        if isinstance(value, bool) or (isinstance(value, int) and value < 1):
            raise invalid(f"{self._component}: `{name}` has to be an integer above 0")
        return value

    def number(self, name: str) -> float | int:
        """Return a number that is not negative, as it was written."""
        value: float | int = self._read(name, _REQUIRED, (int, float), "a number")
        if isinstance(value, bool) or value < 0:
            raise invalid(f"{self._component}: `{name}` has to be a number, 0 or above")
        return value

    def any(self, name: str) -> Json:
        """Return whatever is there, null included."""
        if name not in self._value:
            raise invalid(f"{self._component}: `{name}` is missing")
        return self._value[name]

    def _read(self, name: str, default: Any, kind: Any, described: str) -> Any:
        value = self._value.get(name)
        if value is None:
            if default is _REQUIRED:
                raise invalid(f"{self._component}: `{name}` is missing")
            return default
        if not isinstance(value, kind):
            raise invalid(f"{self._component}: `{name}` has to be {described}")
        return value
