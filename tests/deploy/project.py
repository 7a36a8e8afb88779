"""A project with one flow on a namespace of a real API server, and the commands on it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import yaml

from flowc.cli import main
from flowc_shim.stores.open import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from flowc_shim.stores.api import StateStore

FLOW = """
schema: flowc/v1
name: prices
schemas:
  type: object
  properties:
    input: {{type: object, properties: {{name: {{type: string}}}}, required: [name]}}
steps:
  - id: a
    component: /builtin/noop
    input: {{text: {{$input: name}}}}
    retry: {{platform: {{max: {retries}}}}}
output: {{text: {{$step: a, path: text}}}}
"""
SLOW = """
schema: flowc/v1
name: prices
steps:
  - {id: first, component: /builtin/noop, input: {text: {$input: text}}}
  - {id: wait, component: /shop/wait, input: {seconds: {$input: seconds}}, needs: [first]}
output: {size: {$expr: "size(input.text)"}}
"""
STACK = """
stacks:
  cluster:
    target: argo
    namespace: {namespace}
    state_store: "s3://state/flows"
    plugins: &plugins
      builtin: {{type: builtin}}
      shop:
        type: command
        components:
          /wait:
            command:
              - python3
              - -c
              - |
                import json, os, time
                seconds = json.load(open(os.environ["FLOWC_INPUT"]))["seconds"]
                print("waiting", seconds, flush=True)
                time.sleep(seconds)
                json.dump({{}}, open(os.environ["FLOWC_OUTPUT"], "w"))
    routes: &routes
      "/builtin/{{*component}}": [{{plugin: builtin}}]
      "/shop/{{*component}}": [{{plugin: shop}}]
  laptop:
    target: local
    plugins: *plugins
    routes: *routes
"""
PROJECT = """
project: shop
flows:
  prices: {{file: flow.yaml, triggers: {triggers}}}
environments:
  production: {{stack: cluster}}
  guarded: {{stack: cluster, protected: true}}
  dev: {{stack: laptop}}
default_environment: production
"""
NIGHTLY = '[{cron: "0 2 * * *", timezone: Europe/Rome, input: {name: {$trigger: date}}}]'
NAME = "shop-main-prices"


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Project:
    """The files, and where they are deployed; the state store is reached by another name here."""

    folder: Path
    namespace: str
    retries: int = 2
    triggers: str = NIGHTLY
    environ: dict[str, str] = field(default_factory=dict)
    stack: dict[str, Any] = field(default_factory=dict)
    slow: bool = False

    def write(self) -> Project:
        flow = SLOW if self.slow else FLOW.format(retries=self.retries)
        (self.folder / "flow.yaml").write_text(flow)
        stacks = yaml.safe_load(STACK.format(namespace=self.namespace))
        stacks["stacks"]["cluster"].update(self.stack)
        (self.folder / "stack.yaml").write_text(yaml.safe_dump(stacks))
        (self.folder / "flowc.yaml").write_text(PROJECT.format(triggers=self.triggers))
        return self

    def store(self) -> StateStore:
        return open_store(self.environ["FLOWC_STORE"])

    def stored(self) -> list[str]:
        store = self.store()
        try:
            return list(store.list(""))
        finally:
            store.close()

    def flowc(self, *arguments: str) -> Said:
        """Run a command in this process."""
        out, err = StringIO(), StringIO()
        before, argv, folder = dict(os.environ), sys.argv, os.getcwd()
        os.environ.update(self.environ)
        sys.argv = ["flowc", *arguments]
        os.chdir(self.folder)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                main()
        except SystemExit as exit:
            return Said(int(exit.code or 0), out.getvalue(), err.getvalue())
        finally:
            os.chdir(folder)
            sys.argv = argv
            os.environ.clear()
            os.environ.update(before)
        raise AssertionError("main always exits")
