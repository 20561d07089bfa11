from __future__ import annotations

import tomllib

import pytest

from layerforge.check.licenses import find_license_problems, is_allowed
from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.model.license import LicenseException, LicensePolicy
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.plan import Demand
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from layerforge.project.config import parse_config

X86 = Target(runtime="python3.13", architecture="x86_64")
ALLOW = LicensePolicy(allow=("MIT", "BSD-*", "GPL-3.0-only WITH Classpath-exception-2.0"))
DENY = LicensePolicy(deny=("GPL-*", "AGPL-*"))


@pytest.mark.parametrize(
    ("expression", "policy", "allowed"),
    [
        ("MIT", ALLOW, True),
        ("Apache-2.0", ALLOW, False),
        ("BSD-3-Clause", ALLOW, True),
        ("MIT OR Apache-2.0", ALLOW, True),
        ("Apache-2.0 OR MIT", ALLOW, True),
        ("MIT AND Apache-2.0", ALLOW, False),
        ("Apache-2.0 OR MIT AND BSD-2-Clause", ALLOW, True),
        ("(Apache-2.0 OR MIT) AND Zlib", ALLOW, False),
        ("(Apache-2.0 OR MIT) AND (Zlib OR 0BSD OR MIT)", ALLOW, True),
        ("GPL-3.0-only", ALLOW, False),
        ("GPL-3.0-only WITH Classpath-exception-2.0", ALLOW, True),
        ("GPL-3.0-only WITH GCC-exception-3.1", ALLOW, False),
        ("MIT", DENY, True),
        ("GPL-2.0-or-later", DENY, False),
        ("LGPL-3.0-only", DENY, True),
        ("GPL-3.0-only WITH GCC-exception-3.1", DENY, False),
        ("MIT OR AGPL-3.0-only", DENY, True),
        ("MIT", LicensePolicy(allow=("MIT",), deny=("MIT",)), False),
        (
            "GPL-3.0-only WITH GCC-exception-3.1",
            LicensePolicy(allow=("GPL-3.0-only WITH GCC-exception-3.1",), deny=("AGPL-*",)),
            True,
        ),
        ("LicenseRef-Proprietary", ALLOW, False),
        ("LicenseRef-Proprietary", DENY, True),
    ],
)
def test_expressions_are_judged_as_spdx_has_them(
    expression: str, policy: LicensePolicy, allowed: bool
) -> None:
    assert is_allowed(expression, policy) is allowed


def held(name: str, license_: str | None, *edges: str) -> Distribution:
    return Distribution(
        name=name,
        version="1.0",
        unzipped_size=1,
        license=license_,
        edges=tuple(Edge(name=edge) for edge in edges),
    )


DISTRIBUTIONS = (held("app", "MIT", "viral"), held("viral", "GPL-3.0-only"), held("silent", None))
ROOTS = tuple(
    Root(name=name, origin=Origin(path="r.in", line=line)) for line, name in enumerate(("app", "silent"), 1)
)
LOCK = Lock(
    cohort="c",
    target=X86,
    distributions=DISTRIBUTIONS,
    functions=tuple(FunctionRoots(function=f"f{at}", roots=ROOTS) for at in range(5)),
    input_digest="",
)
DEMANDS = tuple(
    Demand(function=f"f{at}", target=X86, needs=frozenset(map(item_of, DISTRIBUTIONS))) for at in range(5)
)


def problems(policy: LicensePolicy) -> tuple[Finding, ...]:
    return find_license_problems(DEMANDS, [LOCK], policy)


def test_what_is_not_allowed_names_who_needs_it() -> None:
    unknown, denied = problems(DENY)
    assert denied == Finding(
        severity=Severity.ERROR,
        code="license-not-allowed",
        subject="viral",
        sentence="viral 1.0 is under GPL-3.0-only, which [licenses] does not allow",
        details=(
            "f0: required by app 1.0 (r.in:1)",
            "f1: required by app 1.0 (r.in:1)",
            "f2: required by app 1.0 (r.in:1)",
            "and 2 more functions",
        ),
        hint='do without it, or say why it may stay: [licenses.exceptions] viral = "…"',
    )
    assert (unknown.severity, unknown.code, unknown.sentence) == (
        Severity.WARNING,
        "unknown-license",
        "the licence of silent 1.0 is not known",
    )


@pytest.mark.parametrize(("mode", "found"), [("error", [Severity.ERROR]), ("allowed", [])])
def test_what_is_unknown_is_what_the_user_says(mode: str, found: list[Severity]) -> None:
    policy = LicensePolicy(deny=("AGPL-*",), unknown=mode)
    assert [finding.severity for finding in problems(policy)] == found


def test_exceptions_are_not_judged() -> None:
    excepted = tuple(LicenseException(name=name, reason="bought") for name in ("viral", "silent"))
    assert problems(LicensePolicy(deny=("GPL-*",), exceptions=excepted)) == ()


def test_without_a_policy_nothing_is_found() -> None:
    assert problems(LicensePolicy(unknown="error")) == ()


def test_what_is_not_needed_is_not_judged() -> None:
    demand = Demand(function="f0", target=X86, needs=frozenset({item_of(DISTRIBUTIONS[0])}))
    assert find_license_problems([demand], [LOCK], DENY) == ()


def parse(text: str) -> LicensePolicy:
    return parse_config(tomllib.loads(text), path="layerforge.toml").licenses


def test_policy_is_read_in_the_spelling_of_spdx() -> None:
    text = (
        '[licenses]\nallow = ["mit", "bsd-*"]\nunknown = "error"\n[licenses.exceptions]\nPy_Arrow = "why"\n'
    )
    assert parse(text) == LicensePolicy(
        allow=("MIT", "bsd-*"),
        unknown="error",
        exceptions=(LicenseException(name="py-arrow", reason="why"),),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'allow = ["MTI"]',
            "licenses.allow[0]: unexpected value 'MTI' (expected one SPDX licence, such as MIT",
        ),
        ('deny = ["MIT", "MIT OR ISC"]', "licenses.deny[1]: unexpected value 'MIT OR ISC'"),
        ('unknown = "maybe"', "licenses.unknown: unexpected value 'maybe'"),
        ('alow = ["MIT"]', "licenses.alow: unknown key"),
        ("exceptions = {x = 3}", "licenses.exceptions.x: unexpected type integer (expected string)"),
    ],
)
def test_bad_policies_are_told_by_their_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"[licenses]\n{text}\n")
    assert caught.value.headline.startswith(f"layerforge.toml: {message}")
