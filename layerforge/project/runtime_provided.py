"""What may be left out of layers because the runtime brings it: whole families only.

The Python runtimes bring boto3, botocore, s3transfer, jmespath, python-dateutil, six and urllib3,
at versions that move without notice. Of these,

- boto3, botocore, s3transfer and jmespath are one piece: their versions are tied to each other and
  a part of it in a layer shadows a part of the runtime's. They are left out together.
- python-dateutil, six and urllib3 are there for botocore's sake, but requests, pandas and many
  others need them too, at versions that the runtime's need not satisfy. They are not named here:
  they fall away with the SDK where nothing else asks for them, and are shipped, as locked, where
  something does. The runtime's botocore then takes the shipped one, which is locked to fit a botocore.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

from __future__ import annotations

import re

SDK_FAMILY = ("boto3", "botocore", "jmespath", "s3transfer")
_COMPANIONS = frozenset({"python-dateutil", "six", "urllib3"})


def expand_families(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the normalised names of all that is left out, sorted.

    Raises ValueError, with a whole sentence, for a name that cannot be left out.
    """
    expanded: set[str] = set()
    for name in names:
        normalised = re.sub(r"[-_.]+", "-", name).lower()
        if normalised in _COMPANIONS:
            raise ValueError(
                f"{normalised} cannot be left out alone: it goes with boto3 where nothing else asks for it"
            )
        if normalised not in SDK_FAMILY:
            raise ValueError(f"the Python runtimes do not bring {normalised}, only the boto3 family")
        expanded.update(SDK_FAMILY)
    return tuple(sorted(expanded))
