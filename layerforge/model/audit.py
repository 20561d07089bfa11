"""What the user wants of an audit: whom to ask, what is kept from them, what is known and accepted."""

from __future__ import annotations

from dataclasses import dataclass

AUDIT_SERVICES = ("pypi", "osv")


@dataclass(frozen=True, kw_only=True, slots=True)
class IgnoredVulnerability:
    """A vulnerability that does not count, by its id or an alias, and why.

    `until` (`2026-12-31`) is the last day on which it does not count; None: for good.
    """

    id: str
    reason: str
    until: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditSettings:
    """`[audit]` of the config.

    `url` is where an OSV of the user's own is asked. `private` holds patterns of normalised names that
    are told to nobody.
    """

    service: str = "pypi"
    url: str | None = None
    ignored: tuple[IgnoredVulnerability, ...] = ()
    private: tuple[str, ...] = ()
