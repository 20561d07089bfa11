"""Inventories for the page: a small one, one of a thousand functions, one whose every name is hostile."""

from __future__ import annotations

import random
from collections.abc import Mapping

from layerforge.build.zip_listing import HeldDistribution, HeldFile, ZipListing
from layerforge.model.artifact import (
    Artifact,
    BuiltDistribution,
    Manifest,
    ManifestFunction,
)
from layerforge.model.finding import Finding, Severity
from layerforge.report.inventory import Inventory, take_inventory

MB = 2**20
LIMIT = 250 * MB
LICENSES = ("MIT", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "Apache-2.0 OR BSD-3-Clause", None)


def held(
    name: str, version: str, size: int, *, license_: str | None = "MIT", files: int = 3
) -> HeldDistribution:
    shares = [size * (files - at) // (files * (files + 1)) for at in range(files)]
    return HeldDistribution(
        name=name,
        version=version,
        license=license_,
        summary="",
        files=files * 40,
        unzipped_size=size,
        largest=tuple(
            HeldFile(f"python/{name}/part{at}.so", share) for at, share in enumerate(shares) if share
        ),
        bundled=(),
    )


def layer(
    name: str, *contents: HeldDistribution, targets: tuple[str, str] = ("python3.13", "x86_64")
) -> Artifact:
    size = sum(one.unzipped_size for one in contents)
    return Artifact(
        name=name,
        path=f"layers/{name}.zip",
        sha256="0" * 64,
        code_sha256="",
        zipped_size=size // 3,
        unzipped_size=size,
        runtimes=(targets[0],),
        architectures=(targets[1],),
        distributions=tuple(
            BuiltDistribution(name=one.name, version=one.version, unzipped_size=one.unzipped_size)
            for one in contents
        ),
        input_digest="",
    )


def function(
    layers: dict[str, Artifact], *names: str, code: int = 3000, elsewhere: int = 0, excess: int = 0
) -> ManifestFunction:
    return ManifestFunction(
        target="python3.13-x86_64",
        layers=names,
        external_layers=("arn:aws:lambda:eu-west-1:123456789012:layer:insights:53",) if elsewhere else (),
        code=None,
        code_size=code,
        unzipped_size=sum(layers[name].unzipped_size for name in names) + code + elsewhere,
        carried_excess=excess,
    )


def zip_listing(*contents: HeldDistribution) -> ZipListing:
    largest = [(file, one.name) for one in contents for file in one.largest]
    return ZipListing(distributions=contents, largest=tuple(sorted(largest, key=lambda pair: -pair[0].size)))


def make(
    held_by: Mapping[str, tuple[HeldDistribution, ...]],
    functions: Mapping[str, tuple[str, ...]],
    findings: tuple[Finding, ...] = (),
    *,
    project: str = "shop",
) -> Inventory:
    layers = {name: layer(name, *contents) for name, contents in held_by.items()}
    manifest = Manifest(
        project=project,
        layers=tuple(layers.values()),
        functions={
            name: function(layers, *taken, elsewhere=5 * MB if name.endswith("0") else 0)
            for name, taken in functions.items()
        },
    )
    contents = {layers[name].path: zip_listing(*held) for name, held in held_by.items()}
    return take_inventory(manifest, contents, limits={}, default_limit=LIMIT, findings=findings)


def small() -> Inventory:
    numpy = held("numpy", "2.3.1", 50 * MB, license_="BSD-3-Clause")
    return make(
        {
            "shop-py313-x86-64-pandas": (numpy, held("pandas", "3.1.1", 41 * MB, license_="BSD-3-Clause")),
            "shop-py313-x86-64-pydantic": (
                held("pydantic-core", "2.50.5", 5 * MB),
                held("typing-extensions", "4.16.0", MB // 5, license_="PSF-2.0"),
                held("shopkit", "1.0", 4200, license_=None, files=1),
            ),
            "shop-py313-x86-64-scipy": (numpy, held("scipy", "1.18.1", 108 * MB)),
        },
        {
            "orders": ("shop-py313-x86-64-pandas", "shop-py313-x86-64-pydantic"),
            "reports": ("shop-py313-x86-64-pandas", "shop-py313-x86-64-pydantic", "shop-py313-x86-64-scipy"),
            "billing": ("shop-py313-x86-64-pydantic",),
        },
        (
            Finding(
                severity=Severity.ERROR,
                code="unzipped-size",
                subject="reports",
                sentence="reports needs 254.2 MB unzipped, 4.2 MB over Lambda's 250 MB",
                details=("scipy 1.18.1  108.0 MB   required by functions/reports/requirements.in:2",),
                hint="split reports, or do without scipy",
            ),
            Finding(
                severity=Severity.WARNING,
                code="runtime-deprecated",
                subject="orders",
                sentence="python3.10 is deprecated",
                where="template.yaml:7",
            ),
        ),
    )


def large(functions: int = 1000, layers: int = 120, distributions: int = 300) -> Inventory:
    """Reproducible at random, as many small things and few large ones as there are in life."""
    chance = random.Random(7)
    every = [
        held(
            f"distribution-{at:03}",
            f"{chance.randint(0, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 9)}",
            int(chance.paretovariate(0.8) * 60_000) % (60 * MB) + 2000,
            license_=chance.choice(LICENSES),
            files=12,
        )
        for at in range(distributions)
    ]
    held_by = {
        f"company-py313-x86-64-layer-{at:03}": tuple(chance.sample(every, chance.randint(2, 25)))
        for at in range(layers)
    }
    taken = {
        f"function-{at:04}": tuple(sorted(chance.sample(sorted(held_by), chance.randint(1, 5))))
        for at in range(functions)
    }
    return make(held_by, taken, project="company")


HOSTILE = (
    "</script><script>window.hit=1</script>",
    '"><img src=x onerror="window.hit=1">',
    "<svg/onload=window.hit=1>",
    "javascript:window.hit=1",
    "{{script}}${window.hit=1}`",
    "</style><!--",
    "\u2028\u2029\u202e evil \x00\ud800",
)


def hostile() -> Inventory:
    """What names, places and sentences may not do: run."""
    held_by = {
        text: (
            HeldDistribution(
                name=text,
                version=text,
                license=text,
                summary=text,
                files=1,
                unzipped_size=(at + 2) * MB,
                largest=(HeldFile(f"python/{text}", MB),),
                bundled=(),
            ),
        )
        for at, text in enumerate(HOSTILE)
    }
    findings = tuple(
        Finding(
            severity=Severity.WARNING,
            code=text,
            subject=text,
            sentence=text,
            where=text,
            details=(text,),
            hint=text,
        )
        for text in HOSTILE
    )
    functions = {f"f{text}": tuple(HOSTILE[:5]) for text in HOSTILE}
    return make(held_by, functions, findings, project=HOSTILE[0])
