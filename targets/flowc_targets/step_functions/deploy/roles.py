"""Least-privilege roles: one for each thing that acts, and why it may what it may.

https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html,
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html

A role's statements are a policy of their own, named by its content, beside the role: a release that
needs other ones adds its policy, and that of the release before stays while its runs do. Functions
and job definitions are allowed in every version (``:p-*``), so that most releases change no policy,
and none waits until IAM has spread the news.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc_shim.contract.json_types import Json

ARN = "arn:${AWS::Partition}"
REGION = "${AWS::Region}"
ACCOUNT = "${AWS::AccountId}"
HERE = f"{REGION}:{ACCOUNT}"


_CONFUSABLE = frozenset({"states.amazonaws.com", "scheduler.amazonaws.com"})
"""Services that take a role for an account that they name (the confused deputy)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a role may do, for what, and why."""

    reason: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the statement of a policy."""
        found: dict[str, Json] = {
            "Effect": "Allow", "Action": list(self.actions), "Resource": list(self.resources)
        }  # fmt: skip
        return found | ({"Condition": dict(self.condition)} if self.condition else {})


@dataclass(frozen=True, slots=True)
class Role:
    """A role. ``service``: who may take it. Role names are global, so theirs hold the region."""

    name: str
    service: str
    purpose: str
    statements: tuple[Statement, ...]

    @property
    def arn(self) -> str:
        """Return its ARN."""
        return f"{ARN}:iam::{ACCOUNT}:role/flowc/{self.name}-{REGION}"

    @property
    def trust(self) -> dict[str, Any]:
        """Return who may take it; services that say for which account only do so for this one."""
        who: dict[str, Json] = {
            "Effect": "Allow",
            "Principal": {"Service": self.service},
            "Action": "sts:AssumeRole",
        }
        if self.service in _CONFUSABLE:
            who["Condition"] = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
        return policy(who)

    @property
    def policy(self) -> dict[str, Any]:
        """Return what it may."""
        return policy(*(one.to_json() for one in self.statements))

    @property
    def policy_name(self) -> str:
        """Return the name of its policy, which says what is in it."""
        text = json.dumps(self.policy, sort_keys=True)
        return f"flowc-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def policy(*statements: Mapping[str, Json]) -> dict[str, Any]:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
