from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root, closure
from layerforge.model.requirement import Origin
from layerforge.model.target import Target

HERE = Origin(path="requirements.in", line=1)


def distribution(name: str, *edges: Edge) -> Distribution:
    return Distribution(name=name, version="1.0", unzipped_size=10, edges=edges)


def edge(name: str, *extras: str, extra: str | None = None) -> Edge:
    return Edge(name=name, extras=extras, extra=extra)


def root(name: str, *extras: str) -> Root:
    return Root(name=name, extras=extras, origin=HERE)


DISTRIBUTIONS = (
    distribution("app", edge("low"), edge("web", "fast")),
    distribution("low"),
    distribution("web", edge("http"), edge("loop", extra="fast"), edge("shiny", "x", extra="slow")),
    distribution("http", edge("web")),
    distribution("loop"),
    distribution("shiny", edge("deep", extra="x")),
    distribution("deep"),
    distribution(
        "tool", edge("tool", "one", "two", extra="all"), edge("low", extra="one"), edge("deep", extra="two")
    ),
    distribution("gone", edge("not-in-the-lock")),
)


@pytest.mark.parametrize(
    ("roots", "names"),
    [
        ([], ""),
        ([root("low")], "low"),
        ([root("web")], "http web"),
        ([root("web", "fast")], "http loop web"),
        ([root("web", "slow")], "deep http shiny web"),
        ([root("web", "fast", "slow")], "deep http loop shiny web"),
        ([root("web", "unknown")], "http web"),
        ([root("app")], "app http loop low web"),
        ([root("app"), root("web", "slow")], "app deep http loop low shiny web"),
        ([root("tool")], "tool"),
        ([root("tool", "all")], "deep low tool"),
        ([root("gone")], "gone"),
        ([root("not-in-the-lock")], ""),
    ],
)
def test_closure_opens_the_extras_that_are_asked_for(roots: list[Root], names: str) -> None:
    lock = Lock(
        cohort="py313-x86-64",
        target=Target(runtime="python3.13", architecture="x86_64"),
        distributions=DISTRIBUTIONS,
        functions=(FunctionRoots(function="orders", roots=tuple(roots)),),
        input_digest="",
    )
    assert " ".join(sorted(lock.closure(roots))) == names


NAMES = st.sampled_from("abcdef")
EXTRAS = st.lists(st.sampled_from("xy"), unique=True, max_size=2).map(tuple)
EDGES = st.builds(Edge, name=NAMES, extras=EXTRAS, extra=st.none() | st.sampled_from("xy"))
GRAPHS = st.dictionaries(NAMES, st.lists(EDGES, max_size=4)).map(
    lambda graph: {name: distribution(name, *edges) for name, edges in graph.items()}
)
ROOTS = st.lists(st.builds(Root, name=NAMES, extras=EXTRAS, origin=st.just(HERE)), max_size=4)


@given(graph=GRAPHS, roots=ROOTS, more=ROOTS)
def test_closures_add_up_and_are_closed(
    graph: dict[str, Distribution], roots: list[Root], more: list[Root]
) -> None:
    both = closure(graph, [*roots, *more])
    assert both == closure(graph, [*more, *roots]) == closure(graph, roots) | closure(graph, more)
    assert both <= set(graph)
    for name in both:
        assert {one.name for one in graph[name].edges if one.extra is None and one.name in graph} <= both
