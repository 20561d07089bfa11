"""ARNs of layer versions, taken apart.

Source: the pattern of `LayerVersionArn` in botocore 1.44.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARN = re.compile(
    r"arn:(?P<partition>[a-zA-Z0-9-]+):lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:"
    r"(?P<name>[a-zA-Z0-9_-]+):(?P<version>\d+)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerArn:
    """A version of a layer."""

    partition: str
    region: str
    account: str
    name: str
    version: int

    def __str__(self) -> str:
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:layer:{self.name}:{self.version}"

    @property
    def without_version(self) -> str:
        """The ARN of the layer itself."""
        return str(self).rpartition(":")[0]

    @property
    def short(self) -> str:
        """`name:7`, where account and region are clear."""
        return f"{self.name}:{self.version}"


def parse_layer_arn(text: str) -> LayerArn | None:
    """Take the ARN of a layer version apart; None for what is none (`arn:aws:lambda:::awslayer:...`)."""
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    return LayerArn(
        partition=match["partition"],
        region=match["region"],
        account=match["account"],
        name=match["name"],
        version=int(match["version"]),
    )
