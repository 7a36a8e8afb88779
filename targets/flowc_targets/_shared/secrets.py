"""The secrets that a deployment's containers need, by name, and what is wrong with the names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowc.diagnostics import Diagnostics, Span, codes
from flowc_shim.contract.secrets import class_secrets, environment_name, named_secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

    from flowc.target import Compilation


BLOB_API = "`blob_api`"


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A secret, and what names it where."""

    name: str
    what: str
    span: Span | None


def named_secrets(compilation: Compilation) -> Iterator[NamedSecret]:
    """Yield what variables, stores and component classes name; a secret may come again."""
    spans = {variable.name: variable.span for variable in compilation.program.variables}
    for variable in compilation.plan.variables:
        if variable.secret is not None:
            yield NamedSecret(variable.secret, f"`{variable.name}`", spans.get(variable.name))
    stack = compilation.placement.stack
    for store in (stack.state_store, stack.artifact_store):
        for option, value in store.options.items() if store is not None else ():
            name = named_secret(value)
            if name is not None and store is not None:
                yield NamedSecret(name, f"`{option}`", store.span)
    if stack.blob_api is not None:
        yield NamedSecret(stack.blob_api.token, BLOB_API, stack.blob_api.span)
    for name, config in compilation.plan.classes.items():
        for secret in class_secrets(config):
            yield NamedSecret(secret, f"class `{name}`", stack.classes[name].span)


def secret_environment(compilation: Compilation) -> dict[str, str]:
    """Return environment variable → name of the secret that it holds, but for the blob token.

    Every container gets all of them: a shim masks their values in whatever it records, and it may
    have to evaluate the defaults and conditions of any step that it settles.
    """
    names = [one.name for one in named_secrets(compilation) if one.what != BLOB_API]
    return {environment_name(name): name for name in names}


def check_secrets(
    compilation: Compilation, diagnostics: Diagnostics, valid: Pattern[str], rule: str, what: str
) -> None:
    """Report names that are not ``valid`` as ``what`` (by ``rule``), or share a variable."""
    first: dict[str, NamedSecret] = {}
    for secret in named_secrets(compilation):
        if not valid.fullmatch(secret.name):
            diagnostics.report(
                codes.TARGET_NAME,
                f"the secret of {secret.what}, `{secret.name}`, is no name of {what}",
                secret.span,
                hint=rule,
            )
        other = first.setdefault(environment_name(secret.name), secret)
        if other.name != secret.name:
            diagnostics.report(
                codes.TARGET_NAME,
                f"secrets `{other.name}` and `{secret.name}` would both be handed over in "
                f"`{environment_name(secret.name)}`",
                secret.span,
                secondary=[(other.span, "the other one")],
                hint="rename one: upper and lower case, and what is no letter or digit, are alike",
            )
