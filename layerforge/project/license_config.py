"""`[licenses]`: TOML to a LicensePolicy."""

from __future__ import annotations

import re

from layerforge.errors import ConfigError
from layerforge.model.license import LicenseException, LicensePolicy
from layerforge.project.tables import Table

LICENSES_KEYS = ("allow", "deny", "unknown", "exceptions")
UNKNOWN_MODES = ("warning", "error", "allowed")
_BEGINNING = re.compile(r"[A-Za-z0-9.-]+\*")


def parse_licenses(table: Table) -> LicensePolicy:
    """Read the policy. Raises ConfigError, with the key, for what is no SPDX licence."""
    table.check_keys(LICENSES_KEYS)
    exceptions = table.table("exceptions")
    return LicensePolicy(
        allow=_licenses(table, "allow"),
        deny=_licenses(table, "deny"),
        unknown=table.string("unknown", choices=UNKNOWN_MODES) or UNKNOWN_MODES[0],
        exceptions=tuple(
            LicenseException(name=_normalised(name), reason=exceptions.string(name) or "")
            for name in exceptions.data
        ),
    )


def _licenses(table: Table, key: str) -> tuple[str, ...]:
    return tuple(
        _license(text, table.where(f"{key}[{at}]")) for at, text in enumerate(table.strings(key) or ())
    )


def _license(text: str, where: str) -> str:
    """One licence, in SPDX's spelling; what ends with `*` stands for all that begin so."""
    if _BEGINNING.fullmatch(text):
        return text
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        expression = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        expression = ""
    if not expression or re.search(r"[()]| AND | OR ", expression):
        raise ConfigError(
            f"unexpected value {text!r} (expected one SPDX licence, such as MIT or GPL-*)",
            where=where,
            hint="https://spdx.org/licenses lists them; the lock has those that are used",
        )
    return expression


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
