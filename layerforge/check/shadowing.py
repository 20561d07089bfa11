"""Modules that hide others of the same name: the standard library's, the runtime's, a layer's. Pure.

sys.path in a function: /var/task, the layers' /opt/python, the runtime's site-packages, the standard
library (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html, "search path"). The first
regular package of a name is taken; folders without `__init__.py` are joined where none is regular.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from layerforge.check.contents import BuiltFunction, Installed, ZipContents
from layerforge.check.module_tree import Module
from layerforge.check.problems import Problem
from layerforge.model.finding import Severity
from layerforge.model.target import Target
from layerforge.native.runtime import stdlib_modules
from layerforge.project.runtime_provided import SDK_FAMILY


def find_shadowed_stdlib(
    contents: ZipContents, target: Target, functions: frozenset[str]
) -> Iterator[Problem]:
    """Modules of a zip that are imported in place of the standard library's."""
    for name in sorted(contents.modules.keys() & stdlib_modules(target.python)):
        module = contents.modules[name]
        if not module.is_regular or module.is_namespace_init:
            continue
        owner = contents.owners.get(module.path)
        yield Problem(
            severity=Severity.WARNING,
            code="stdlib-shadowed",
            zip=contents.name,
            place=contents.label,
            path=module.path,
            verb="is",
            rest=f"imported in place of {name} of {target.runtime}'s standard library",
            owner=owner.label if owner else None,
            hint="rename it"
            if contents.is_code
            else "a backport is not needed any more: let it go if you can",
            names=(name,),
            functions=functions,
        )


def find_shadowed_sdk(function: BuiltFunction) -> Iterator[Problem]:
    """Part of the SDK in the layers or the code, and the rest the runtime's."""
    shipped: dict[str, tuple[ZipContents, Module]] = {}
    for contents in function.zips:
        for name in SDK_FAMILY:
            module = contents.modules.get(name)
            if module is not None and module.is_regular:
                shipped[name] = (contents, module)
    left = sorted(set(SDK_FAMILY) - shipped.keys())
    # jmespath alone is a library like others, and does what the runtime's does.
    if not left or not shipped.keys() - {"jmespath"}:
        return
    for name, (contents, module) in sorted(shipped.items()):
        owner = contents.owners.get(module.path)
        yield Problem(
            severity=Severity.WARNING,
            code="sdk-half-shadowed",
            zip=contents.name,
            place=contents.label,
            path=module.path,
            verb="is",
            rest=f"imported in place of the runtime's, and {', '.join(left)} {_is(left)} the runtime's",
            owner=owner.label if owner else None,
            hint='ship the whole SDK (require boto3), or none of it ([runtime-provided] exclude = ["boto3"])',
            names=(name,),
            functions=frozenset({function.name}),
        )


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def find_shadowed_layers(function: BuiltFunction) -> Iterator[Problem]:
    """Modules that the function's code and its layers both have."""
    if function.code is None:
        return
    for layer in function.layers:
        yield from _hidden(function, function.code, layer, function.code.modules, layer.modules, ())


def _hidden(
    function: BuiltFunction,
    code: ZipContents,
    layer: ZipContents,
    first: Mapping[str, Module],
    second: Mapping[str, Module],
    parents: tuple[str, ...],
) -> Iterator[Problem]:
    """Modules that both places have, the first place going before the second."""
    for name in sorted(first.keys() & second.keys()):
        here, there = first[name], second[name]
        dotted = ".".join((*parents, name))
        joined = here.is_namespace_init or not here.is_regular
        if joined and (there.is_namespace_init or not there.is_regular):
            # Parts of one namespace: what is in them may still meet.
            yield from _hidden(function, code, layer, here.children, there.children, (*parents, name))
        elif here.is_regular and not here.is_namespace_init:
            owner = layer.owners.get(there.path)
            whose = f"{owner.label} ({layer.label})" if owner else layer.label
            yield _shadow(
                function, code, here.path, f"imported as {dotted}, and hides that of {whose}", dotted, owner
            )
        elif not here.is_regular and there.is_regular and not there.is_namespace_init:
            owner = layer.owners.get(there.path)
            whose = f"{owner.label} ({layer.label})" if owner else layer.label
            rest = f"never imported: {dotted} is that of {whose}, as the folder has no __init__.py"
            yield _shadow(function, code, here.path, rest, dotted, owner)


def _shadow(
    function: BuiltFunction, code: ZipContents, path: str, rest: str, dotted: str, owner: Installed | None
) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        code="module-shadowed",
        zip=code.name,
        place=code.label,
        path=path,
        verb="is",
        rest=rest,
        hint="rename the function's own; what it vendors on purpose need not be in a layer as well",
        names=(dotted, *((owner.name,) if owner else ())),
        functions=frozenset({function.name}),
    )
