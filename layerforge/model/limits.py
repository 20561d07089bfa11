"""Lambda's limits (and the user's stricter budgets), in bytes.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html; the exact byte
count is the one in the service's own error text ("Unzipped size must be smaller than 262144000").
"""

from __future__ import annotations

from dataclasses import dataclass

UNZIPPED_LIMIT = 262_144_000
LAYERS_PER_FUNCTION = 5
# CreateFunction and PublishLayerVersion take 50 MB in the request; larger ones go through S3.
DIRECT_UPLOAD_LIMIT = 52_428_800
# The request as a whole, with the zip in base64: "Request must be smaller than 69905067 bytes for the
# PublishLayerVersion operation".
REQUEST_LIMIT = 69_905_067


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a function may hold. `warn_at` is the share of `unzipped` from which one is warned.

    `growth`: by how many bytes it may exceed what it was at a git revision; `layer`: what one layer may
    hold unzipped. None where the user sets no such budget.
    """

    unzipped: int = UNZIPPED_LIMIT
    layers: int = LAYERS_PER_FUNCTION
    warn_at: float = 0.9
    growth: int | None = None
    layer: int | None = None
