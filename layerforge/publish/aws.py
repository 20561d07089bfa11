"""The AWS account as the SDK gives it: profile, role, regions, endpoint.

The one module that imports boto3.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from layerforge import __version__
from layerforge.publish.aws_calls import Caller
from layerforge.publish.aws_errors import Call, bad_endpoint, no_region, translate
from layerforge.publish.aws_lambda import AwsLambda
from layerforge.publish.aws_lookup import AwsLookup
from layerforge.publish.aws_storage import AwsStorage

_CONNECT_TIMEOUT = 10
_READ_TIMEOUT = 60
# AWS unpacks a layer, and fetches it from a bucket, before it answers.
_PUBLISH_TIMEOUT = 300
_ATTEMPTS = 6
_SESSION_NAME = "layerforge"
_IAM_PREFIXES = {"resourcegroupstaggingapi": "tag"}
_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """How to reach an account; None and empty where the AWS configuration says it, as for the AWS CLI."""

    regions: tuple[str, ...] = ()
    profile: str | None = None
    role: str | None = None
    endpoint_url: str | None = None
    jobs: int = 1


class AwsAccount:
    """`Account` over an SDK session. Clients are made when they are first needed, and kept."""

    def __init__(self, session: Any, connection: Connection, regions: tuple[str, ...]) -> None:
        self._session = session
        self._connection = connection
        self._regions = regions
        self._made: dict[tuple[str, str, bool], Any] = {}
        self._lock = threading.Lock()

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are meant."""
        return self._regions

    def number(self) -> str:
        """GetCallerIdentity, which every credentials may call."""
        answer = self._caller("sts", self._regions[0]).call("GetCallerIdentity")
        return str(answer["Account"])

    def functions(self, region: str) -> AwsLambda:
        """AWS Lambda in a region."""
        return AwsLambda(calls=self._caller("lambda", region), once=self._caller("lambda", region, once=True))

    def storage(self, region: str) -> AwsStorage:
        """Amazon S3, seen from a region."""
        return AwsStorage(calls=self._caller("s3", region))

    def lookup(self, region: str) -> AwsLookup:
        """CloudFormation and tags in a region."""
        return AwsLookup(
            stacks=self._caller("cloudformation", region),
            tags=self._caller("resourcegroupstaggingapi", region),
        )

    def _caller(self, service: str, region: str, *, once: bool = False) -> Caller:
        # Making a client is not safe in several threads; using one is.
        with self._lock:
            key = (service, region, once)
            if key not in self._made:
                self._made[key] = self._client(service, region, once=once)
            client = self._made[key]
        endpoint = str(client.meta.endpoint_url)
        return Caller(
            client=client,
            service=_IAM_PREFIXES.get(service, service),
            region=region,
            endpoint=None if ".amazonaws.com" in endpoint else endpoint,
        )

    def _client(self, service: str, region: str, *, once: bool) -> Any:
        config = Config(
            connect_timeout=_CONNECT_TIMEOUT,
            read_timeout=_PUBLISH_TIMEOUT if once else _READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": 1 if once else _ATTEMPTS},
            max_pool_connections=max(10, self._connection.jobs * 4),
            user_agent_extra=f"layerforge/{__version__}",
        )
        return _translated(
            lambda: self._session.client(
                service, region_name=region, endpoint_url=self._connection.endpoint_url, config=config
            ),
            Call(service=service, operation="", region=region, endpoint=self._connection.endpoint_url),
        )


def open_account(connection: Connection, environment: Mapping[str, str]) -> AwsAccount:
    """Open an account as the AWS CLI would, and take the role on top if one is named.

    Nothing is asked of AWS yet. Raises CallError if there is no such profile, or no region.
    """
    named = next(iter(connection.regions), "")
    call = Call(service="sts", operation="AssumeRole", region=named, endpoint=connection.endpoint_url)
    session = _translated(lambda: boto3.session.Session(profile_name=connection.profile), call)
    # The AWS CLI reads AWS_REGION, the SDK for Python only AWS_DEFAULT_REGION.
    default = environment.get("AWS_REGION") or _translated(lambda: session.region_name, call)
    regions = connection.regions or ((default,) if default else ())
    if not regions:
        raise no_region()
    if connection.role:
        session = _translated(lambda: _with_role(session, connection, regions[0]), call)
    return AwsAccount(session, connection, regions)


def _with_role(session: Any, connection: Connection, region: str) -> Any:
    """A session whose credentials are the role's, taken when first needed and renewed before they expire."""

    def make_client(service: str, **arguments: Any) -> Any:
        given = {"region_name": region, "endpoint_url": connection.endpoint_url, **arguments}
        return session.client(service, **given)

    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=make_client,
        source_credentials=credentials,
        role_arn=connection.role,
        extra_args={"RoleSessionName": _SESSION_NAME},
    )
    inner = botocore.session.get_session()
    inner.set_config_variable("profile", connection.profile)
    # The SDK offers no other way to give a session credentials that renew themselves.
    inner._credentials = DeferredRefreshableCredentials(  # noqa: SLF001
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return boto3.session.Session(botocore_session=inner)


def _translated(make: Callable[[], _Value], call: Call) -> _Value:
    try:
        return make()
    except (BotoCoreError, ClientError) as error:
        raise translate(error, call) from error
    except ValueError as error:
        if call.endpoint is None:
            raise
        raise bad_endpoint(call.endpoint) from error
