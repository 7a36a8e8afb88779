"""Objects in the state store's bucket: plans, and lists of numbers.

Several deployments may share a store, and a plan with it. So each writes down beside its releases
which plans it uses, and the last one that gives a plan up deletes it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowc_shim.runner.keys import deployment_prefix
from flowc_targets.step_functions.compute import deployment_of
from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.cloudformation import content_of
from flowc_targets.step_functions.deploy.kinds import Body, Found
from flowc_targets.step_functions.loops import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import StoreSpec
    from flowc_targets.step_functions.deploy.cloud import Cloud

_MARKER = "/plans/"


class StoredObjects:
    """Objects named by their URL. ``deployment``: whose they are."""

    def __init__(self, store: StoreSpec | None, deployment: str) -> None:
        self._store = store
        self._bucket = Bucket.of(store)
        self._place = deployment_prefix(deployment_of(deployment))

    def _call(self, cloud: Cloud, operation: str, **arguments: Any) -> dict[str, Any]:
        options = dict(self._store.options) if self._store else {}
        chosen = {"endpoint_url": options.get("endpoint"), "region_name": options.get("region")}
        client = cloud.client("s3", **{key: value for key, value in chosen.items() if value})
        return cloud.call_of(client, "s3", operation, arguments)

    def _find(self, cloud: Cloud, operation: str, **arguments: Any) -> dict[str, Any] | None:
        try:
            return self._call(cloud, operation, **arguments)
        except Refused as error:
            if error.code in GONE:
                return None
            raise

    def _listed(self, cloud: Cloud, prefix: str) -> Iterator[str]:
        if self._bucket is None:
            return
        named = {"Bucket": self._bucket.name, "Prefix": f"{self._bucket.prefix}{prefix}"}
        while True:
            page = self._call(cloud, "list_objects_v2", **named)
            for one in page.get("Contents") or ():
                yield str(one["Key"]).removeprefix(self._bucket.prefix)
            if not page.get("NextContinuationToken"):
                return
            named["ContinuationToken"] = page["NextContinuationToken"]

    def check(self, cloud: Cloud) -> None:
        """Raise Refused, or DeployError, unless the bucket can be asked."""
        if self._bucket is not None:
            self._call(cloud, "head_bucket", Bucket=self._bucket.name)

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield the plans that this deployment uses, or used and did not give up."""
        for key in self._listed(cloud, f"{self._place}{_MARKER}"):
            assert self._bucket is not None
            digest = key.rpartition("/")[2]
            yield f"s3://{self._bucket.name}/{self._bucket.prefix}plans/{digest}"

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return what is in the object, which is all of it.

        A plan that this deployment has no note of is not its own, whoever put it there; one that is
        noted and missing was not written to the end, or not deleted.
        """
        marker = self._marker(name)
        noted = bool(marker) and self._find(cloud, "head_object", **_place(marker)) is not None
        if marker and not noted:
            return None
        got = self._find(cloud, "get_object", **_place(name))
        if got is None:
            return Found({}) if noted else None
        try:
            content = json.loads(got["Body"].read())
        except ValueError:
            return Found({"Json": "not JSON"})
        if isinstance(content, list) and content == list(range(len(content))):
            return Found({"Range": len(content)})
        return Found({"Json": content})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Put the object, after the note that it is used."""
        marker = self._marker(name)
        if marker:
            self._call(cloud, "put_object", **_place(marker), Body=b"")
        text = content_of(body).encode()
        self._call(cloud, "put_object", **_place(name), Body=text, ContentType="application/json")

    def delete(self, cloud: Cloud, name: str) -> None:
        """Give the object up, and delete it if nobody else uses it; the note of it goes last."""
        marker = self._marker(name)
        if not marker or not self._has_other_users(cloud, name):
            self._call(cloud, "delete_object", **_place(name))
        if marker:
            self._call(cloud, "delete_object", **_place(marker))

    def _has_other_users(self, cloud: Cloud, name: str) -> bool:
        end = f"{_MARKER}{name.rpartition('/')[2]}"
        own = f"{self._place}{end}"
        keys = self._listed(cloud, "deployments/")
        return any(key.endswith(end) and key != own for key in keys)

    def _marker(self, name: str) -> str:
        """Return the URL of the note that this deployment uses the plan; lists need none."""
        folder, _, digest = name.rpartition("/plans/")
        return f"{folder}/{self._place}{_MARKER}{digest}" if folder else ""


def _place(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"Bucket": parts.netloc, "Key": parts.path.removeprefix("/")}
