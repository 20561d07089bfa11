"""`[audit]`: TOML to AuditSettings."""

from __future__ import annotations

import datetime
import re
from urllib.parse import urlsplit

from layerforge.errors import ConfigError
from layerforge.model.audit import AUDIT_SERVICES, AuditSettings, IgnoredVulnerability
from layerforge.project.tables import Table, name_of_type

AUDIT_KEYS = ("service", "url", "ignore", "private")
_IGNORE_KEYS = ("id", "reason", "until")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+")


def parse_audit(table: Table) -> AuditSettings:
    """Read the settings. Raises ConfigError that names the key."""
    table.check_keys(AUDIT_KEYS)
    url = _url(table)
    return AuditSettings(
        service=table.string("service", choices=AUDIT_SERVICES) or ("osv" if url else AUDIT_SERVICES[0]),
        url=url,
        ignored=_ignored(table),
        private=tuple(_pattern(name) for name in table.string_or_strings("private") or ()),
    )


def _url(table: Table) -> str | None:
    url = table.string("url")
    if url is None:
        return None
    where = table.where("url")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(
            f"unexpected value {url!r} (expected the address of an OSV service)",
            where=where,
            hint='for example "https://osv.example/v1/query"',
        )
    if table.data.get("service", "osv") != "osv":
        raise ConfigError('url is of service = "osv" alone: pypi is asked at pypi.org', where=where)
    return url


def _ignored(table: Table) -> tuple[IgnoredVulnerability, ...]:
    entries = table.data.get("ignore", [])
    if not isinstance(entries, list):
        raise ConfigError(
            f"unexpected type {name_of_type(entries)} (expected array of tables)",
            where=table.where("ignore"),
            hint='ignore = [{ id = "GHSA-…", reason = "…", until = 2026-12-31 }]',
        )
    found: dict[str, IgnoredVulnerability] = {}
    for at, entry in enumerate(entries):
        where = f"ignore[{at}]"
        if not isinstance(entry, dict):
            raise ConfigError(
                f"unexpected type {name_of_type(entry)} (expected a table with id and reason)",
                where=table.where(where),
                hint='{ id = "GHSA-…", reason = "…", until = 2026-12-31 }',
            )
        one = _parse_ignored(Table(entry, path=table.path, keys=(*table.keys, where)))
        if one.id in found:
            raise ConfigError(f"{one.id} is ignored twice", where=table.where(where))
        found[one.id] = one
    return tuple(found.values())


def _parse_ignored(table: Table) -> IgnoredVulnerability:
    table.check_keys(_IGNORE_KEYS)
    identifier, reason = table.string("id"), table.string("reason")
    for key, value in (("id", identifier), ("reason", reason)):
        if value is None:
            raise ConfigError(
                "the value is missing: what is ignored has an id and a reason", where=table.where(key)
            )
    if not _ID.fullmatch(identifier or ""):
        raise ConfigError(
            f"unexpected value {identifier!r} (expected an id such as GHSA-h5c8-rqwp-cp95 or CVE-2024-22195)",
            where=table.where("id"),
        )
    return IgnoredVulnerability(id=identifier or "", reason=reason or "", until=_date(table, "until"))


def _date(table: Table, key: str) -> str | None:
    """A TOML date, or the same as a string."""
    value = table.data.get(key)
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.date.fromisoformat(value)
        except ValueError:
            value = table.data[key]
    if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
        raise ConfigError(
            f"unexpected value {str(value)!r} (expected a date: 2026-12-31)", where=table.where(key)
        )
    return value.isoformat()


def _pattern(name: str) -> str:
    """As names are compared: `Acme_*` is `acme-*`."""
    return re.sub(r"[-_.]+", "-", name).lower()
