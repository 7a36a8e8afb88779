"""Objects in the state store's bucket: plans, and lists of numbers.

They are written by a deployment, and stay: a plan says what became of the runs that had it, and
several deployments may share a store and a plan in it. ``flowc undeploy --purge`` takes them away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flowc_targets.step_functions.deploy.cloud import GONE, Refused
from flowc_targets.step_functions.deploy.cloudformation import content_of
from flowc_targets.step_functions.deploy.kinds import Body, Found
from flowc_targets.step_functions.loops import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.source.stack_model import StoreSpec
    from flowc_targets.step_functions.deploy.cloud import Cloud


class StoredObjects:
    """Objects named by their URL."""

    def __init__(self, store: StoreSpec | None) -> None:
        self._store = store
        self._bucket = Bucket.of(store)

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

    def check(self, cloud: Cloud) -> None:
        """Raise Refused, or DeployError, unless the bucket can be asked."""
        if self._bucket is not None:
            self._call(cloud, "head_bucket", Bucket=self._bucket.name)

    def names(self, cloud: Cloud, base: str) -> Iterator[str]:
        """Yield nothing: only those that are wanted now are looked at."""
        return iter(())

    def read(self, cloud: Cloud, name: str) -> Found | None:
        """Return what is in the object, which is all of it."""
        got = self._find(cloud, "get_object", **_place(name))
        if got is None:
            return None
        try:
            content = json.loads(got["Body"].read())
        except ValueError:
            return Found({"Json": "not JSON"})
        if isinstance(content, list) and content == list(range(len(content))):
            return Found({"Range": len(content)})
        return Found({"Json": content})

    def write(self, cloud: Cloud, name: str, body: Body) -> None:
        """Put the object."""
        text = content_of(body).encode()
        self._call(cloud, "put_object", **_place(name), Body=text, ContentType="application/json")

    def delete(self, cloud: Cloud, name: str) -> None:
        """Delete the object."""
        self._call(cloud, "delete_object", **_place(name))


def _place(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"Bucket": parts.netloc, "Key": parts.path.removeprefix("/")}
