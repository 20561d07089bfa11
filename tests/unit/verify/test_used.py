from __future__ import annotations

import pytest

from layerforge.model.function import Function
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.verify.used import merge_used_modules
from layerforge.verify.values import FunctionReport

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")
FUNCTIONS = [
    Function(name=name, target=target, source=None, origin=Origin(path="t"))
    for name, target in (("a", X86), ("b", X86), ("c", ARM))
]


def report(name: str, target: Target, *modules: str) -> FunctionReport:
    return FunctionReport(function=name, target=target, findings=(), ok=True, modules_used=modules)


A, B, C = report("a", X86, "z.py", "y.py"), report("b", X86, "y.py"), report("c", ARM, "c.py")


@pytest.mark.parametrize(
    ("before", "reports", "after"),
    [
        ({}, [A, B, C], {X86.name: ("y.py", "z.py"), ARM.name: ("c.py",)}),
        ({X86.name: ("old.py",)}, [A, B], {X86.name: ("y.py", "z.py")}),
        ({X86.name: ("old.py",)}, [A], {X86.name: ("old.py", "y.py", "z.py")}),
        ({ARM.name: ("old.py",)}, [B], {ARM.name: ("old.py",), X86.name: ("y.py",)}),
        ({"python3.12-x86_64": ("old.py",)}, [C], {ARM.name: ("c.py",)}),
        ({}, [report("c", ARM)], {ARM.name: ()}),
    ],
    ids=["new", "all verified", "some verified", "another target", "target that is gone", "nothing imported"],
)
def test_merging(
    before: dict[str, tuple[str, ...]], reports: list[FunctionReport], after: dict[str, tuple[str, ...]]
) -> None:
    assert merge_used_modules(before, reports, FUNCTIONS) == after
