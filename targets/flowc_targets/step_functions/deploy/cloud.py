"""AWS as a deployment sees it: an account in a region, calls with one way to fail, neutral texts.

Credentials, region and endpoints come from where boto3 finds them, and from the stack's `region`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flowc.deploy.provider import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONNECT_SECONDS = 10
READ_SECONDS = 60
TRIES = 5
"""Of a call that was throttled, got no answer, or met an error of the service: botocore's own."""

SETTLING_TRIES = 14
"""Of a call that is refused because something made before has not spread yet, or is being updated:
about a minute (IAM says "a few seconds")."""

PUT_TRIES = 4
"""Of creating, and updating, what somebody else makes and takes away at the same time."""

_DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError",
        "403", "Forbidden",
    }
)  # fmt: skip
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_BUSY = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}
)
CONFLICTS = frozenset(
    {
        "ConcurrentModification", "ConcurrentModificationException", "OperationAborted",
        "OperationAbortedException", "ConditionalRequestConflict", "EntityTemporarilyUnmodifiable",
        "OptimisticLockException", "UpdateInProgressException",
    }
)  # fmt: skip
"""Codes that say of every operation: somebody changes the same thing at this moment, ask again.

`ConflictException` and `ResourceConflictException` also say that something exists, and are for each
kind to read."""

_CHANGING = CONFLICTS | {"ConflictException", "ResourceConflictException"}
_VAGUE = frozenset(
    {"InvalidParameterValueException", "AccessDeniedException", "ValidationException"}
)
GONE = frozenset(
    {
        "ResourceNotFoundException", "NoSuchEntity", "NoSuchKey", "404", "ResourceNotFound",
        "StateMachineDoesNotExist", "NoSuchBucket", "ExecutionDoesNotExist", "NotFoundException",
        "ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException",
        "ServiceNotFound", "NamespaceNotFound", "ObjectNotFoundException",
    }
)  # fmt: skip
"""Codes of what is not there."""


class Refused(DeployError):
    """A call that AWS refused; ``code`` is AWS's own."""

    def __init__(self, message: str, fix: str, code: str) -> None:
        super().__init__(message, fix)
        self.code = code


class Cloud:
    """One account and region. ``pause``: how to wait between tries (seconds)."""

    def __init__(
        self, session: Any, region: str | None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        from botocore.config import Config

        self._session = session
        self._pause = pause
        self._config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "max_attempts": TRIES},
        )
        self._clients: dict[str, Any] = {}
        self.region = region or session.region_name or ""
        if not self.region:
            raise DeployError("nothing says in which region of AWS", "write `region:` in the stack")
        identity = self.call("sts", "get_caller_identity")
        self.account = str(identity["Account"])
        self.partition = str(identity["Arn"]).split(":")[1]
        self.caller = str(identity["Arn"])
        self._neutral = (
            (f":{self.region}:{self.account}:", ":${AWS::Region}:${AWS::AccountId}:"),
            (f"::{self.account}:", "::${AWS::AccountId}:"),
            (f"arn:{self.partition}:", "arn:${AWS::Partition}:"),
            (f"{self.account}.dkr.ecr.{self.region}.", "${AWS::AccountId}.dkr.ecr.${AWS::Region}."),
        )

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._pause(seconds)

    # calls

    def client(self, service: str, **options: Any) -> Any:
        """Return boto3's client; ``options`` (endpoint, region) as its constructor takes them."""
        key = repr((service, sorted(options.items())))
        if key not in self._clients:
            named = {"region_name": self.region, **options}
            self._clients[key] = self._session.client(service, config=self._config, **named)
        return self._clients[key]

    def call(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any]:
        """Call one operation; raises DeployError, :class:`Refused` if AWS answered."""
        return self.call_of(None, service, operation, arguments)

    def call_of(
        self, client: Any, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Call an operation of a client that was made otherwise; conflicts are waited out."""
        return self._repeated(
            lambda: self._once(client, service, operation, arguments),
            lambda error: error.code in CONFLICTS,
        )

    def _once(
        self, client: Any, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            chosen = client or self.client(service)
            found: dict[str, Any] = getattr(chosen, operation)(**arguments)
        except ClientError as error:
            raise _refused(service, operation, error.response) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise _unanswered(service, error) from error
        return found

    def find(self, service: str, operation: str, /, **arguments: Any) -> dict[str, Any] | None:
        """Call an operation that looks something up; None if it is not there."""
        try:
            return self.call(service, operation, **arguments)
        except Refused as error:
            if error.code in GONE:
                return None
            raise

    def forget(self, service: str, operation: str, /, **arguments: Any) -> None:
        """Call an operation that takes something away; what is gone already is fine."""
        self._repeated(
            lambda: self.find(service, operation, **arguments) or {},
            lambda error: error.code in _CHANGING,
        )

    def settle(
        self, codes: frozenset[str], service: str, operation: str, /, **arguments: Any
    ) -> dict[str, Any]:
        """Call an operation again while it is refused with one of ``codes``, for a while.

        Codes that say many things count only if it is about assuming a role.
        """

        def passes(error: Refused) -> bool:
            vague = error.code in _VAGUE and "assume" not in str(error)
            return error.code in codes and not vague

        return self._repeated(lambda: self.call(service, operation, **arguments), passes)

    def _repeated(
        self, ask: Callable[[], dict[str, Any]], passes: Callable[[Refused], bool]
    ) -> dict[str, Any]:
        """Ask until it is not refused, or with an error that does not pass, for a while."""
        for attempt in range(SETTLING_TRIES):
            try:
                return ask()
            except Refused as error:
                if not passes(error) or attempt == SETTLING_TRIES - 1:
                    raise
                self._pause(min(0.5 * 2**attempt, 6.0))
        raise AssertionError("unreachable")

    def put(
        self, exists: frozenset[str], create: Callable[[], object], update: Callable[[], object]
    ) -> None:
        """Create; update what ``exists``, by these codes; create again what is then gone.

        The codes also say that somebody is at it, so that what they mean is found out by asking.
        """
        for attempt in range(PUT_TRIES):
            try:
                create()
                return
            except Refused as error:
                if error.code not in exists:
                    raise
                conflict = error
            try:
                update()
                return
            except Refused as error:
                if error.code not in GONE:
                    raise
                if attempt == PUT_TRIES - 1:
                    raise conflict from error
                self._pause(2.0**attempt)

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something is ready, for a while."""
        for attempt in range(SETTLING_TRIES * 2):
            if ready():
                return
            self._pause(min(0.2 * 2**attempt, 6.0))
        raise DeployError(f"{what} is not ready after two minutes", "deploy again")

    def pages(self, service: str, operation: str, key: str, /, **arguments: Any) -> Iterator[Any]:
        """Yield the members of ``key`` in all pages of a listing."""
        tokens = _TOKENS[service]
        while True:
            page = self.call(service, operation, **arguments)
            yield from page.get(key) or ()
            token = page.get(tokens[1])
            if not token:
                return
            arguments[tokens[0]] = token

    # texts

    def local(self, value: Any) -> Any:
        """Return ``value`` with this account, region and partition in it."""
        if isinstance(value, dict):
            return {key: self.local(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.local(inner) for inner in value]
        if not isinstance(value, str) or "${AWS::" not in value:
            return value
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        for name, text in (
            ("Partition", self.partition), ("Region", self.region), ("AccountId", self.account),
            ("URLSuffix", suffix),
        ):  # fmt: skip
            value = value.replace(f"${{AWS::{name}}}", text)
        return value

    def neutral(self, value: Any) -> Any:
        """Return ``value`` as :meth:`local` was given it."""
        if isinstance(value, dict):
            return {key: self.neutral(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.neutral(inner) for inner in value]
        if isinstance(value, str):
            for here, name in self._neutral:
                value = value.replace(here, name)
        return value

    def arn(self, service: str, rest: str) -> str:
        """Return the ARN of something in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"


_TOKENS = {
    "iam": ("Marker", "Marker"),
    "lambda": ("Marker", "NextMarker"),
    "logs": ("nextToken", "nextToken"),
    "ecs": ("nextToken", "nextToken"),
    "batch": ("nextToken", "nextToken"),
    "stepfunctions": ("nextToken", "nextToken"),
    "scheduler": ("NextToken", "NextToken"),
    "events": ("NextToken", "NextToken"),
    "s3": ("ContinuationToken", "NextContinuationToken"),
    "servicediscovery": ("NextToken", "NextToken"),
    "application-autoscaling": ("NextToken", "NextToken"),
}
"""How the next page is asked for, and where an answer names it."""

_PREFIXES = {"stepfunctions": "states", "stepfunctions.start_execution": "states"}


def _action(service: str, operation: str) -> str:
    """Return an operation as policies name it: ``lambda:CreateFunction``."""
    words = "".join(word.capitalize() for word in operation.split("_"))
    return f"{_PREFIXES.get(service, service)}:{words}"


def _refused(service: str, operation: str, response: Mapping[str, Any]) -> Refused:
    error = response.get("Error", {})
    code, said = str(error.get("Code", "")), str(error.get("Message", "")).rstrip(". ")
    action = _action(service, operation)
    if code in _DENIED:
        return Refused(
            f"AWS does not allow `{action}`: {said}", f"get the permission `{action}`", code
        )
    if code in _EXPIRED:
        return Refused(f"AWS does not take the credentials: {said}", "sign in again", code)
    if code in _BUSY:
        return Refused(
            f"AWS throttles `{action}`, after {TRIES} tries too", "try again in a minute", code
        )
    fix = "somebody changes it at the same time; deploy again" if code in _CHANGING else ""
    if code == "DeleteConflict":
        fix = "somebody attached something to it by hand: take that away, and do this again"
    return Refused(f"AWS refuses `{action}` ({code}): {said}", fix, code)


def _unanswered(service: str, error: Exception) -> DeployError:
    from botocore import exceptions

    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return DeployError(
            "there are no credentials for AWS",
            "sign in, and set `AWS_PROFILE` if it is not the default one",
        )
    said = str(error).rstrip(". ")
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return DeployError(
            f"AWS does not answer ({service}): {said}", "look at network and region, deploy again"
        )
    return DeployError(f"AWS cannot be asked ({service}): {said}")
