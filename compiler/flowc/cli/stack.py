"""``flowc stack``: which stacks there are, what they say, and which one is in use."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from flowc.active_stack import read_active, write_active
from flowc.cli.session import Session
from flowc.diagnostics import codes
from flowc.stack_files import DEFAULT_STACK_FILE, sole_stack
from flowc.stack_summary import summary

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.source.stack_model import Stack

DIFFERS = 3
"""The exit code of ``diff`` where two stacks differ."""


@dataclass(slots=True)
class Stacks:
    """The stacks of one file, as a command finds them."""

    stack_file: str | None
    session: Session = field(default_factory=Session)
    found: dict[str, Stack] = field(default_factory=dict)

    def load(self) -> bool:
        """Read the file; whether there is anything in it (reported otherwise)."""
        loaded = self.session.loader.stacks_here(self.stack_file)
        self.found = loaded or {}
        return bool(self.found)

    @property
    def path(self) -> Path:
        """Return the file that the stacks stand in."""
        return self.session.loader.folder / next(iter(self.found.values())).file

    def active(self) -> str | None:
        """Return the name in use: by FLOWC_STACK, by ``use``, or because it is the only one."""
        return (
            os.environ.get("FLOWC_STACK") or read_active(self.path) or sole_stack(self.found, None)
        )

    def named(self, name: str) -> Stack | None:
        """Return one stack; an unknown name is reported with the known ones."""
        if name in self.found:
            return self.found[name]
        near = get_close_matches(name, sorted(self.found), n=1)
        known = ", ".join(f"`{one}`" for one in sorted(self.found))
        self.session.diagnostics.report(
            codes.UNKNOWN_NAME,
            f"there is no stack `{name}` in `{next(iter(self.found.values())).file}`",
            None,
            hint=f"write `{near[0]}`; there are {known}" if near else f"there are {known}",
        )
        return None

    def report(self, format: str = "human") -> int:
        """Print what was found; return the exit code."""
        return self.session.report(format)


def run_list(stack_file: str | None) -> int:
    """Print a line per stack, the one in use with a star."""
    stacks = Stacks(stack_file)
    if not stacks.load():
        return stacks.report()
    active = stacks.active()
    width = max(len(name) for name in stacks.found)
    for name, stack in stacks.found.items():
        store = stack.state_store.url.partition(":")[0] if stack.state_store else "no store"
        where = stack.target or "any target"
        star = "*" if name == active else " "
        print(f"{star} {name:<{width}}  {where:<14}  {store:<10}  {len(stack.classes)} classes")
    return stacks.report()


def run_show(name: str | None, stack_file: str | None) -> int:
    """Print one stack as YAML, secrets by name."""
    stacks = Stacks(stack_file)
    if not stacks.load():
        return stacks.report()
    name = name or stacks.active()
    if name is None:
        known = ", ".join(f"`{one}`" for one in sorted(stacks.found))
        stacks.session.diagnostics.report(
            codes.UNKNOWN_NAME, "no stack is in use", None, hint=f"name one of {known}"
        )
        return stacks.report()
    stack = stacks.named(name)
    if stack is not None:
        print(_yaml({name: summary(stack)}), end="")
    return stacks.report()


def run_use(name: str | None, stack_file: str | None) -> int:
    """Use a stack from now on, in this process and others; None: no one in particular."""
    stacks = Stacks(stack_file)
    if not stacks.load():
        return stacks.report()
    if next(iter(stacks.found.values())).file == DEFAULT_STACK_FILE:
        stacks.session.diagnostics.report(
            codes.UNKNOWN_NAME, "there is no stack file here", None, hint="write `stack.yaml`"
        )
    elif name is None or stacks.named(name) is not None:
        try:
            write_active(stacks.path, name)
        except OSError as error:
            message = f"cannot write the choice: {error.strerror}"
            stacks.session.diagnostics.report(codes.FILE_NOT_READABLE, message, None)
        else:
            print("no stack is in use" if name is None else f"stack `{name}` is in use")
    return stacks.report()


def run_validate(name: str | None, stack_file: str | None, format: str) -> int:
    """Check a stack file, or one stack of it, for its target."""
    stacks = Stacks(stack_file)
    if stacks.load() and not stacks.session.diagnostics.has_errors:
        wanted = list(stacks.found.values()) if name is None else [stacks.named(name)]
        for stack in wanted:
            if stack is not None:
                stacks.session.check_stack(stack)
    code = stacks.report(format)
    if code == 0 and format == "human":
        print(f"{'stack' if name else 'stacks'} {name or ', '.join(stacks.found)}: no errors")
    return code


def run_diff(one: str, other: str, stack_file: str | None) -> int:
    """Print in what two stacks differ; the exit code is 3 if they do."""
    from flowc.deploy.differences import differences

    stacks = Stacks(stack_file)
    if not stacks.load():
        return stacks.report()
    before, after = stacks.named(one), stacks.named(other)
    if before is None or after is None:
        return stacks.report()
    found = differences(summary(before), summary(after))
    for change in found:
        print(f"{change.path}: {_short(change.before)} → {_short(change.after)}")
    return stacks.report() or (DIFFERS if found else 0)


def _short(value: Any) -> str:
    from flowc.deploy.model import ABSENT

    return "–" if value is ABSENT else _yaml(value, flow=True).removesuffix("...\n").strip()


def _yaml(value: Any, *, flow: bool = False) -> str:
    import yaml

    text: str = yaml.safe_dump(
        value, sort_keys=False, default_flow_style=flow, width=10_000, allow_unicode=True
    )
    return text
