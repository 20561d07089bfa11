from __future__ import annotations

import tomllib

import pytest

from layerforge.errors import ConfigError
from layerforge.model.audit import AuditSettings, IgnoredVulnerability
from layerforge.project.config import parse_config


def parse(text: str) -> AuditSettings:
    return parse_config(tomllib.loads(text), path="layerforge.toml").audit


def test_all_keys() -> None:
    text = """
    [audit]
    service = "osv"
    url = "https://osv.example/v1/query"
    private = ["Acme_*", "billing.core"]
    ignore = [
        { id = "GHSA-h5c8-rqwp-cp95", reason = "no such templates", until = 2026-12-31 },
        { id = "CVE-2024-22195", reason = "the same", until = "2027-01-01" },
        { id = "PYSEC-2024-1", reason = "never called" },
    ]
    """
    assert parse(text) == AuditSettings(
        service="osv",
        url="https://osv.example/v1/query",
        private=("acme-*", "billing-core"),
        ignored=(
            IgnoredVulnerability(id="GHSA-h5c8-rqwp-cp95", reason="no such templates", until="2026-12-31"),
            IgnoredVulnerability(id="CVE-2024-22195", reason="the same", until="2027-01-01"),
            IgnoredVulnerability(id="PYSEC-2024-1", reason="never called"),
        ),
    )


def test_defaults() -> None:
    assert parse("") == AuditSettings()
    assert parse('[audit]\nurl = "http://osv.example/q"').service == "osv"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ignored = []", "audit.ignored: unknown key"),
        ('service = "snyk"', "audit.service: unexpected value 'snyk' (expected 'pypi' or 'osv')"),
        ('url = "osv"', "audit.url: unexpected value 'osv' (expected the address of an OSV service)"),
        (
            'service = "pypi"\nurl = "https://x/y"',
            'audit.url: url is of service = "osv" alone: pypi is asked at pypi.org',
        ),
        ('ignore = "CVE-2024-1"', "audit.ignore: unexpected type string (expected array of tables)"),
        (
            'ignore = ["CVE-2024-1"]',
            "audit.ignore[0]: unexpected type string (expected a table with id and reason)",
        ),
        (
            'ignore = [{ id = "CVE-2024-1" }]',
            "audit.ignore[0].reason: the value is missing: what is ignored has an id and a reason",
        ),
        (
            'ignore = [{ reason = "x" }]',
            "audit.ignore[0].id: the value is missing: what is ignored has an id and a reason",
        ),
        (
            'ignore = [{ id = "jinja2", reason = "x" }]',
            (
                "audit.ignore[0].id: unexpected value 'jinja2' "
                "(expected an id such as GHSA-h5c8-rqwp-cp95 or CVE-2024-22195)"
            ),
        ),
        (
            'ignore = [{ id = "CVE-2024-1", reason = "x", until = "soon" }]',
            "audit.ignore[0].until: unexpected value 'soon' (expected a date: 2026-12-31)",
        ),
        (
            'ignore = [{ id = "CVE-2024-1", reason = "x", until = 2026-12-31T10:00:00 }]',
            "audit.ignore[0].until: unexpected value '2026-12-31 10:00:00' (expected a date: 2026-12-31)",
        ),
        ('ignore = [{ id = "CVE-2024-1", reason = "x", til = 1 }]', "audit.ignore[0].til: unknown key"),
        (
            'ignore = [{ id = "CVE-2024-1", reason = "x" }, { id = "CVE-2024-1", reason = "y" }]',
            "audit.ignore[1]: CVE-2024-1 is ignored twice",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_key(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"[audit]\n{text}")
    assert caught.value.headline == f"layerforge.toml: {sentence}"
