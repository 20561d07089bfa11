"""The options of commands that talk to AWS, and the account that they lead to."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from layerforge.commands.options import Options
from layerforge.errors import AwsError

if TYPE_CHECKING:
    from layerforge.model.publishing import PublishSettings
    from layerforge.project.config import Config
    from layerforge.publish.client import Account

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsOptions:
    """What the command line says of AWS, before the config."""

    regions: tuple[str, ...] = ()
    profile: str | None = None
    role: str | None = None
    endpoint_url: str | None = None


def aws_options(command: _Command) -> _Command:
    """Add --region, --profile, --role and --endpoint-url; the function gets them as `aws`."""

    @click.option(
        "--region",
        "regions",
        multiple=True,
        metavar="REGION",
        help="Where; may be repeated. Else `regions` of the config, else as for the AWS CLI.",
    )
    @click.option("--profile", metavar="NAME", help="A profile of the AWS configuration.")
    @click.option("--role", metavar="ARN", help="A role to take on, with the credentials at hand.")
    @click.option("--endpoint-url", metavar="URL", help="Another endpoint than AWS's own.")
    @functools.wraps(command)
    def wrapped(
        *,
        regions: tuple[str, ...],
        profile: str | None,
        role: str | None,
        endpoint_url: str | None,
        **rest: Any,
    ) -> Any:
        aws = AwsOptions(regions=regions, profile=profile, role=role, endpoint_url=endpoint_url)
        return command(aws=aws, **rest)

    return wrapped  # type: ignore[return-value]


def read_settings(options: Options, aws: AwsOptions) -> tuple[Config, PublishSettings]:
    """Read the config, and [publish] with what the command line says on top.

    Credentials of the index need not be set.
    """
    from layerforge.project.config_file import read_config

    config, _ = read_config(options.root, config=options.config, keep_unset=True)
    settings = config.publish.settings(os.environ)
    return config, replace(
        settings,
        regions=tuple(dict.fromkeys(aws.regions)) or settings.regions,
        profile=aws.profile or settings.profile,
        role=aws.role or settings.role,
        endpoint_url=aws.endpoint_url or settings.endpoint_url,
    )


def open_account(settings: PublishSettings, *, jobs: int) -> Account:
    """Open the account that is meant. Raises AwsError if it is not the one that the config allows."""
    from layerforge.publish import aws

    account = aws.open_account(
        aws.Connection(
            regions=settings.regions,
            profile=settings.profile,
            role=settings.role,
            endpoint_url=settings.endpoint_url,
            jobs=jobs,
        ),
        os.environ,
    )
    if settings.account is not None and (number := account.number()) != settings.account:
        raise AwsError(
            f"these credentials are of account {number}, and [publish] allows {settings.account} alone",
            hint="name another profile or role, or change `account` under [publish]",
        )
    return account
