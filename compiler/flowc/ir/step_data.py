"""The steps whose outputs a step reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc.ir.references import step_uses

if TYPE_CHECKING:
    from flowc.ir.model import Call, Loop, While
    from flowc.source.model import SourceCache, SourceRetry
    from flowc_shim.contract.policies import OnError
    from flowc_shim.language import values as v


def data_of(
    body: Call | Loop | While,
    when: v.Condition | None,
    on_error: OnError,
    retry: SourceRetry | None,
    cache: SourceCache | None,
) -> tuple[str, ...]:
    """Return the paths of the steps that the parts of one step read, each once."""
    values: list[v.Value] = [] if cache is None or cache.key is None else [cache.key]
    values.extend(body.values())
    values.extend([when.value] if when is not None else [])
    values.extend([on_error.default] if on_error.default is not None else [])
    values.extend([retry.condition] if retry is not None and retry.condition is not None else [])
    return tuple(dict.fromkeys(use.step for value in values for use in step_uses(value)))
