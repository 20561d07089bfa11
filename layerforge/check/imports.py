"""What a module imports, read from its source text: nothing is run. Pure.

`ast` knows what the interpreter would do up to names that are made at run time: a module that imports by
such a name is said to be uncertain.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Longer texts are data or prose, not names of modules.
_LONGEST_NAME = 300
# Functions that import the module whose name they are given.
_IMPORTERS = frozenset({"import_module", "__import__", "find_spec", "resolve_name"})
_GUARDS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
# Conditions that hold on some machines only.
_ELSEWHERE = frozenset({"version_info", "platform", "implementation", "__name__"})


class Need(IntEnum):
    """When an import happens. `OPTIONAL`: its failure is caught, or it is for other machines."""

    TYPING = 0
    OPTIONAL = 1
    RUN = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Import:
    """`from module import names`, or `import module`; `module` is absolute."""

    module: str
    names: tuple[str, ...] = ()
    line: int
    need: Need = Need.RUN

    @property
    def candidates(self) -> tuple[str, ...]:
        """Everything that may be a module in it."""
        return tuple(f"{self.module}.{name}" for name in self.names) or (self.module,)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleImports:
    """The imports of one module, and the `words` in its texts: names may be among them.

    `is_certain`: it imports nothing by a name that only a run could tell.
    """

    imports: tuple[Import, ...]
    words: frozenset[str] = frozenset()
    is_certain: bool = True


@lru_cache(maxsize=4_096)
def parse_imports(text: bytes, package: str) -> ModuleImports:
    """Read the imports of a module in `package` (empty at the top). Raises SyntaxError."""
    with warnings.catch_warnings():
        # Of the user's code; who runs it is told of them.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(text)
            reading = _Reading(package)
            reading.block(tree, Need.RUN)
        except ValueError as error:
            raise SyntaxError(str(error)) from None
        except (RecursionError, MemoryError):
            raise SyntaxError("it is nested too deeply to be read") from None
    return ModuleImports(
        imports=tuple(reading.imports), words=frozenset(reading.words), is_certain=reading.is_certain
    )


class _Reading:
    """Goes through a tree and collects; `need` is that of what lies around a node."""

    def __init__(self, package: str) -> None:
        self._package = package.split(".") if package else []
        self.imports: list[Import] = []
        self.words: set[str] = set()
        self.is_certain = True

    def block(self, node: ast.AST, need: Need) -> None:
        """What is inside of a node."""
        for child in ast.iter_child_nodes(node):
            self._node(child, need)

    def _node(self, node: ast.AST, need: Need) -> None:
        match node:
            case ast.Import():
                self.imports += [Import(module=one.name, line=node.lineno, need=need) for one in node.names]
            case ast.ImportFrom():
                self._from(node, need)
            case ast.If():
                self._if(node, need)
            case ast.Try() | ast.TryStar():
                self._try(node, need)
            case ast.Expr(value=ast.Constant(value=str())):
                # A docstring.
                pass
            case ast.Constant(value=str() as text):
                if len(text) <= _LONGEST_NAME:
                    self.words.update(_WORD.findall(text))
            case ast.Call():
                self._call(node, need)
                self.block(node, need)
            case _:
                self.block(node, need)

    def _from(self, node: ast.ImportFrom, need: Need) -> None:
        module = node.module or ""
        if node.level:
            kept = len(self._package) - node.level + 1
            if kept < 1:
                # Python refuses it: there is no package around.
                return
            module = ".".join((*self._package[:kept], *([module] if module else [])))
        names = tuple(one.name for one in node.names if one.name != "*")
        self.imports.append(Import(module=module, names=names, line=node.lineno, need=need))

    def _if(self, node: ast.If, need: Need) -> None:
        names = {
            one.id if isinstance(one, ast.Name) else one.attr
            for one in ast.walk(node.test)
            if isinstance(one, ast.Name | ast.Attribute)
        }
        if "TYPE_CHECKING" in names and not isinstance(node.test, ast.UnaryOp):
            inside = Need.TYPING
        else:
            inside = Need.OPTIONAL if names & _ELSEWHERE else Need.RUN
        self._node(node.test, need)
        for child in node.body:
            self._node(child, min(need, inside))
        for child in node.orelse:
            self._node(child, min(need, Need.RUN if inside is Need.TYPING else inside))

    def _try(self, node: ast.Try | ast.TryStar, need: Need) -> None:
        guarded = any(_catches_imports(handler) for handler in node.handlers)
        inside = min(need, Need.OPTIONAL) if guarded else need
        for child in node.body:
            self._node(child, inside)
        # What is tried instead has the first one's failure behind it: which one is there decides.
        for handler in node.handlers:
            self.block(handler, inside)
        for child in (*node.orelse, *node.finalbody):
            self._node(child, need)

    def _call(self, node: ast.Call, need: Need) -> None:
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if name not in _IMPORTERS:
            return
        match node.args[:1]:
            case [ast.Constant(value=str() as module)] if module and not module.startswith("."):
                found = min(need, Need.OPTIONAL) if name == "find_spec" else need
                self.imports.append(Import(module=module.partition(":")[0], line=node.lineno, need=found))
            case _:
                self.is_certain = False


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(name in _GUARDS for name in _names(handler.type))


def _names(node: ast.expr) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr
