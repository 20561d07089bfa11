from __future__ import annotations

import pytest

from layerforge.check.contents import ZipContents
from layerforge.check.problems import make_findings
from layerforge.check.shadowing import find_shadowed_layers, find_shadowed_sdk, find_shadowed_stdlib
from layerforge.model.finding import Finding, Severity
from layerforge.model.target import Target
from tests.zip_contents import TARGET, code, function, installed, layer

PYTHON_3_12 = Target(runtime="python3.12", architecture="x86_64")
ORDERS = frozenset({"orders"})


def stdlib(contents: ZipContents, target: Target = TARGET) -> tuple[Finding, ...]:
    return make_findings(find_shadowed_stdlib(contents, target, ORDERS))


def test_a_backport_hides_the_standard_library() -> None:
    owner = installed("typing", "3.10", "python/typing.py")
    assert stdlib(layer(installed=[owner])) == (
        Finding(
            severity=Severity.WARNING,
            code="stdlib-shadowed",
            subject="shop-a",
            sentence=(
                "python/typing.py of typing 3.10 (layer shop-a) is imported in place of typing of "
                "python3.13's standard library"
            ),
            details=("mounted by orders",),
            hint="a backport is not needed any more: let it go if you can",
        ),
    )


@pytest.mark.parametrize(
    ("contents", "target", "paths"),
    [
        (code(["queue.py", "app.py"]), TARGET, ["queue.py"]),
        (code(["email/__init__.py", "email/x.py"]), TARGET, ["email/__init__.py"]),
        # A folder without __init__.py hides nothing: a regular package goes before it.
        (code(["email/x.py"]), TARGET, []),
        (layer(files=["python/enum/__init__.py"]), TARGET, ["python/enum/__init__.py"]),
        (
            layer(files=["python/array.cpython-313-x86_64-linux-gnu.so"]),
            TARGET,
            ["python/array.cpython-313-x86_64-linux-gnu.so"],
        ),
        # 3.13 has no cgi any more, and needs what brings it.
        (layer(files=["python/cgi.py"]), TARGET, []),
        (layer(files=["python/cgi.py"]), PYTHON_3_12, ["python/cgi.py"]),
        # Found before sys.path is looked at.
        (layer(files=["python/os.py", "python/sys.py"]), TARGET, []),
        (layer(files=["python/shop/queue.py", "lib/queue.py", "bin/queue.py"]), TARGET, []),
    ],
)
def test_what_hides_the_standard_library(contents: ZipContents, target: Target, paths: list[str]) -> None:
    found = stdlib(contents, target)
    assert [finding.sentence.partition(" of ")[0] for finding in found] == paths


def package(name: str) -> str:
    return f"python/{name}/__init__.py"


@pytest.mark.parametrize(
    ("shipped", "sentence"),
    [
        ((), None),
        (("boto3", "botocore", "jmespath", "s3transfer"), None),
        # A library like others, which does what the runtime's does.
        (("jmespath",), None),
        (
            ("botocore",),
            (
                "python/botocore/__init__.py of layer shop-a is imported in place of the runtime's, "
                "and boto3, jmespath, s3transfer are the runtime's"
            ),
        ),
        (
            ("boto3", "botocore", "jmespath"),
            (
                "3 files of layer shop-a are imported in place of the runtime's, "
                "and s3transfer is the runtime's"
            ),
        ),
    ],
)
def test_the_sdk_in_part(shipped: tuple[str, ...], sentence: str | None) -> None:
    judged = function(layer(files=[package(name) for name in shipped]))
    found = [finding.sentence for finding in make_findings(find_shadowed_sdk(judged))]
    assert found == ([sentence] if sentence else [])


def test_the_sdk_may_be_whole_across_layers_and_code() -> None:
    first = layer("a", [package("boto3"), package("botocore")])
    own = code(["jmespath/__init__.py", "s3transfer/__init__.py"])
    assert list(find_shadowed_sdk(function(first, code=own))) == []
    assert len(list(find_shadowed_sdk(function(first)))) == 2


NAMESPACE = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)"


def layers_hidden(own: list[str], held: list[str], *, extends: bool = False) -> list[str]:
    namespaces = frozenset(path for path in (*own, *held) if extends and path.count("/") < 3)
    owner = installed("demo", "1.0", *held)
    judged = function(layer(installed=[owner], namespaces=namespaces), code=code(own, namespaces=namespaces))
    return [finding.sentence for finding in make_findings(find_shadowed_layers(judged))]


@pytest.mark.parametrize(
    ("own", "held", "expected"),
    [
        (["app.py"], ["python/demo/__init__.py"], []),
        (
            ["requests.py"],
            ["python/requests/__init__.py"],
            [
                (
                    "requests.py of the code of orders is imported as requests, and hides that of demo 1.0 "
                    "(layer shop-a)"
                )
            ],
        ),
        (
            ["utils/__init__.py", "utils/a.py"],
            ["python/utils/__init__.py"],
            [
                (
                    "utils/__init__.py of the code of orders is imported as utils, and hides that of "
                    "demo 1.0 (layer shop-a)"
                )
            ],
        ),
        # Without __init__.py the layer's regular package is found instead.
        (
            ["utils/a.py"],
            ["python/utils/__init__.py"],
            [
                (
                    "utils/a.py of the code of orders is never imported: utils is that of demo 1.0 "
                    "(layer shop-a), as the folder has no __init__.py"
                )
            ],
        ),
        # Folders with data are no packages.
        (["templates/a.html"], ["python/templates/__init__.py"], []),
        # Parts of a namespace are joined, as far as they go.
        (["google/own/__init__.py"], ["python/google/cloud/__init__.py"], []),
        (
            ["google/cloud/__init__.py"],
            ["python/google/cloud/__init__.py", "python/google/cloud/storage.py"],
            [
                (
                    "google/cloud/__init__.py of the code of orders is imported as google.cloud, and hides "
                    "that of demo 1.0 (layer shop-a)"
                )
            ],
        ),
        (
            ["google/__init__.py", "google/own.py"],
            ["python/google/cloud/__init__.py"],
            [
                (
                    "google/__init__.py of the code of orders is imported as google, and hides that of "
                    "demo 1.0 (layer shop-a)"
                )
            ],
        ),
        (["__main__.py"], ["python/__main__.py"], []),
    ],
)
def test_modules_of_the_code_and_of_layers(own: list[str], held: list[str], expected: list[str]) -> None:
    assert layers_hidden(own, held) == expected


def test_packages_that_extend_their_path_are_joined() -> None:
    own, held = ["ns/__init__.py", "ns/own.py"], ["python/ns/__init__.py", "python/ns/theirs.py"]
    assert layers_hidden(own, held, extends=True) == []
    assert len(layers_hidden(own, held)) == 1
