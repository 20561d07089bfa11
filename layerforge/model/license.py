"""Which licences the user lets into layers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenseException:
    """A distribution that the policy does not judge, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LicensePolicy:
    """`[licenses]` of the config. Without `allow`, everything is allowed that is not denied.

    `allow` and `deny` hold SPDX identifiers (`MIT`, `GPL-3.0-only WITH Classpath-exception-2.0`) or
    beginnings of them (`GPL-*`). `unknown` says what a licence that nobody tells is: `error`,
    `warning` or `allowed`.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unknown: str = "warning"
    exceptions: tuple[LicenseException, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.allow or self.deny)
