from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from layerforge.audit.advisories import Advisory, Answer
from layerforge.audit.exposure import Exposed, find_exposed
from layerforge.audit.judging import Audit, judge, make_audit_findings, pins_to_ask
from layerforge.model.audit import AuditSettings, IgnoredVulnerability
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Distribution, FunctionRoots, LocalSource, Lock, Root
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.report.audit import audit_document, format_audit
from tests.locked_projects import TARGET, distribution

TODAY = datetime.date(2026, 11, 24)
FLASK = distribution("flask", "2.0.0", requires=["jinja2"])
JINJA = distribution("jinja2", "3.1.2")
TORCH = distribution("torch", "2.9+cpu")
SHOPKIT = Distribution(name="shopkit", version="1.0", unzipped_size=1, local=LocalSource(path="libs/shopkit"))
ACME = distribution("acme-core", "1.0")
SDK = distribution("boto3", "1.43.0")
EVERY = (FLASK, JINJA, TORCH, SHOPKIT, ACME, SDK)
BAD = Advisory(
    id="CVE-2024-1", aliases=("GHSA-h5c8",), description="scripts in attributes", fixed_in=("3.1.3", "4.0")
)


def lock(**asks: str) -> Lock:
    roots = {
        name: (Root(name=asked, origin=Origin(path=f"{name}/r.in", line=2)),) for name, asked in asks.items()
    }
    return Lock(
        cohort=TARGET.slug,
        target=TARGET,
        distributions=EVERY,
        functions=tuple(FunctionRoots(function=name, roots=one) for name, one in roots.items()),
        input_digest="",
    )


def item(one: Distribution) -> Item:
    return Item(name=one.name, version=one.version, digest=one.name, unzipped_size=1)


def demand(function: str, *needs: Distribution, bundled: tuple[Distribution, ...] = ()) -> Demand:
    return Demand(
        function=function,
        target=TARGET,
        needs=frozenset(map(item, needs)),
        bundled=frozenset(map(item, bundled)),
    )


def planned(function: str, *layers: str) -> FunctionPlan:
    return FunctionPlan(
        function=function,
        target=TARGET,
        layers=layers,
        external_layers=0,
        external_size=0,
        code_size=0,
        needed_size=0,
        layers_size=0,
    )


def exposed(*distributions: Distribution, functions: tuple[str, ...] = ("orders",)) -> list[Exposed]:
    return [
        Exposed(distribution=one, functions=functions, carriers=("mail",), layers=("web",))
        for one in distributions
    ]


def audit(*ignored: IgnoredVulnerability, private: tuple[str, ...] = ()) -> Audit:
    settings = AuditSettings(ignored=ignored, private=private)
    return judge(exposed(JINJA), {("jinja2", "3.1.2"): Answer(advisories=(BAD,))}, settings, today=TODAY)


def test_who_has_what_and_what_the_runtime_has_is_not_shipped() -> None:
    plan = LayerPlan(
        layers=(PlannedLayer(name="web", targets=(TARGET,), items=(item(FLASK), item(JINJA))),),
        functions=(planned("orders", "web"), planned("mail", "web"), planned("alone")),
    )
    demands = [demand("orders", FLASK, JINJA), demand("mail", FLASK), demand("alone", bundled=(ACME,))]
    assert find_exposed(plan, demands, [lock(orders="flask", mail="flask", alone="acme-core")]) == (
        Exposed(distribution=ACME, functions=("alone",), carriers=(), layers=()),
        Exposed(distribution=FLASK, functions=("mail", "orders"), carriers=(), layers=("web",)),
        Exposed(distribution=JINJA, functions=("orders",), carriers=("mail",), layers=("web",)),
    )


def test_only_what_may_be_told_is_asked() -> None:
    odd = replace(JINJA, version="not-a-version")
    every = exposed(FLASK, TORCH, SHOPKIT, ACME, odd)
    assert pins_to_ask(every, ["acme-*"]) == (("flask", "2.0.0"), ("torch", "2.9"))
    answers = {("flask", "2.0.0"): Answer(), ("torch", "2.9"): Answer(is_known=False)}
    found = judge(every, answers, AuditSettings(private=("acme-*",)), today=TODAY)
    assert found == Audit(
        vulnerabilities=(),
        asked=2,
        unasked={
            "torch 2.9+cpu": "unknown to the service",
            "shopkit 1.0": "from no index",
            "acme-core 1.0": "private",
            "jinja2 not-a-version": "version that services do not know",
        },
    )
    assert [one.sentence for one in make_audit_findings(found, [])] == [
        "shopkit 1.0 is from no package index, and no service was told: nothing is known of it",
        "acme-core 1.0 is private ([audit] private), and no service was told: nothing is known of it",
        "torch 2.9+cpu is unknown to the service: nothing is known of it",
        "jinja2 not-a-version is of a version that no service knows: nothing is known of it",
    ]
    assert format_audit(found, service="PyPI", url="https://pypi.org", width=80) == (
        "asked PyPI (https://pypi.org) about 2 distributions, 1 of which it does not know: "
        "no known vulnerabilities"
    )


def test_a_vulnerability_says_who_needs_it_and_what_to_do() -> None:
    assert make_audit_findings(audit(), [lock(orders="flask")]) == (
        Finding(
            severity=Severity.ERROR,
            code="vulnerable",
            subject="jinja2",
            sentence="jinja2 3.1.2 has CVE-2024-1 (GHSA-h5c8): scripts in attributes",
            details=(
                "orders: required by flask 2.0.0 (orders/r.in:2)",
                "in layer web, which 1 other function mounts too",
            ),
            hint="fixed in 3.1.3 or 4.0: `layerforge lock -P jinja2`; if it does not touch you, "
            '[audit] ignore = [{ id = "CVE-2024-1", reason = "…", until = … }]',
        ),
    )


def test_many_functions_are_counted() -> None:
    functions = ("a", "b", "c", "d", "e")
    answers = {("jinja2", "3.1.2"): Answer(advisories=(replace(BAD, fixed_in=()),))}
    found = judge(exposed(JINJA, functions=functions), answers, AuditSettings(), today=TODAY)
    (finding,) = make_audit_findings(found, [lock(**dict.fromkeys(functions, "jinja2"))])
    assert finding.details == (
        "a: required by a/r.in:2",
        "b: required by b/r.in:2",
        "c: required by c/r.in:2",
        "and 2 more functions",
        "in layer web, which 1 other function mounts too",
    )
    assert finding.hint is not None
    assert finding.hint.startswith("no fixed version is known")


@pytest.mark.parametrize("identifier", ["CVE-2024-1", "GHSA-h5c8"])
@pytest.mark.parametrize("until", [None, "2026-11-24", "2027-01-01"])
def test_what_is_ignored_does_not_count_up_to_its_last_day(identifier: str, until: str | None) -> None:
    found = audit(IgnoredVulnerability(id=identifier, reason="x", until=until))
    assert make_audit_findings(found, [lock(orders="flask")]) == ()
    text = format_audit(found, service="OSV", url="http://me:pw@x", width=80)
    assert text == "asked OSV (http://****@x) about 1 distribution: no known vulnerabilities; 1 ignored"


def test_an_exception_that_has_passed_counts_again_and_says_so() -> None:
    found = audit(IgnoredVulnerability(id="GHSA-h5c8", reason="no such templates", until="2026-11-23"))
    (finding,) = make_audit_findings(found, [lock(orders="flask")])
    assert (finding.severity, finding.details[0]) == (
        Severity.ERROR,
        "[audit] ignored it until 2026-11-23, which has passed: no such templates",
    )
    document = audit_document(found, service="OSV", url="http://x")
    assert (document["ok"], document["vulnerabilities"][0]["ignored"]) == (
        False,
        {"reason": "no such templates", "until": "2026-11-23", "expired": True},
    )


def test_an_exception_that_nothing_needs_is_told() -> None:
    found = audit(IgnoredVulnerability(id="CVE-2020-9", reason="x"))
    assert [(one.code, one.sentence) for one in make_audit_findings(found, [lock(orders="flask")])] == [
        ("vulnerable", "jinja2 3.1.2 has CVE-2024-1 (GHSA-h5c8): scripts in attributes"),
        ("needless-ignore", "[audit] ignores CVE-2020-9, which nothing that is locked has"),
    ]


def test_tables_by_function_and_layer() -> None:
    assert format_audit(audit(), service="PyPI", url="https://pypi.org", width=80).splitlines() == [
        "function  vulnerabilities  of",
        "--------  ---------------  ---------------",
        "mail                    1  1: jinja2 3.1.2",
        "orders                  1  1: jinja2 3.1.2",
        "",
        "layer  vulnerabilities  of",
        "-----  ---------------  ---------------",
        "web                  1  1: jinja2 3.1.2",
        "",
        "asked PyPI (https://pypi.org) about 1 distribution: 1 known vulnerability in 1 of them",
    ]
