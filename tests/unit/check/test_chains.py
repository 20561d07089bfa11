from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from layerforge.check.chains import Chain, ChainFinder, Chains, required_by
from layerforge.model.lock import Distribution, Edge, Root
from layerforge.model.requirement import Origin


def held(**edges: Sequence[Edge | str]) -> dict[str, Distribution]:
    return {
        name: Distribution(
            name=name,
            version="1.0",
            unzipped_size=1,
            edges=tuple(Edge(name=edge) if isinstance(edge, str) else edge for edge in asked),
        )
        for name, asked in edges.items()
    }


def root(name: str, *extras: str, line: int = 1) -> Root:
    return Root(name=name, extras=extras, origin=Origin(path="a.in", line=line))


def shown(chains: Chains) -> list[str]:
    return [
        " ".join([f"{c.root.origin.line}:{c.root.name}", *(_edge(e) for e in c.edges)]) for c in chains.shown
    ]


def _edge(edge: Edge) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.name}{extras}" + (f"<{edge.extra}" if edge.extra else "")


WEB = held(
    app=["web", "low"],
    web=["low", Edge(name="loop", extra="fast"), Edge(name="low", extra="fast")],
    loop=["low"],
    low=[],
    tool=[Edge(name="tool", extras=("one", "two"), extra="all"), Edge(name="low", extra="one"), "web"],
    ring=["rung", "low"],
    rung=["ring", "low"],
    lost=["not-in-the-lock"],
)


@pytest.mark.parametrize(
    ("name", "roots", "chains"),
    [
        ("low", [root("low")], ["1:low"]),
        ("low", [root("low", "extra", line=1), root("low", line=2)], ["2:low", "1:low"]),
        # The shortest first; among equals, by name.
        ("low", [root("app"), root("web")], ["1:app low", "1:web low", "1:app web low"]),
        # An extra opens its edges alone, beside those that hold in any case.
        ("loop", [root("web")], []),
        ("loop", [root("web", "fast")], ["1:web loop<fast"]),
        ("low", [root("web", "fast")], ["1:web low", "1:web low<fast", "1:web loop<fast low"]),
        # A distribution that asks for extras of its own.
        ("low", [root("tool", "all")], ["1:tool tool[one,two]<all low<one", "1:tool web low"]),
        ("tool", [root("tool", "all")], ["1:tool"]),
        # Round and round.
        ("low", [root("ring")], ["1:ring low", "1:ring rung low"]),
        ("ring", [root("rung")], ["1:rung ring"]),
        ("low", [root("lost"), root("unknown")], []),
        ("nowhere", [root("app")], []),
    ],
)
def test_all_chains_are_found_shortest_first(name: str, roots: list[Root], chains: list[str]) -> None:
    found = ChainFinder(WEB, name).find(roots, limit=100)
    assert (shown(found), found.more, found.exact) == (chains, 0, True)


def test_what_is_not_shown_is_counted() -> None:
    found = ChainFinder(WEB, "low").find([root("app"), root("web")], limit=1)
    assert (shown(found), found.more, found.exact) == (["1:app low"], 2, True)


def test_owners_are_those_who_ask() -> None:
    (chain,) = ChainFinder(WEB, "loop").find([root("web", "fast")], limit=1).shown
    assert chain.owners == ("web",)
    assert Chain(root=root("low")).owners == ()


def test_a_graph_with_more_chains_than_time_ends_at_once() -> None:
    # Twelve rows of twelve, each asking for all of the next: 12**12 chains.
    rows = {f"r{row}c{at}": [f"r{row + 1}c{to}" for to in range(12)] for row in range(12) for at in range(12)}
    rows |= {f"r12c{at}": ["end"] for at in range(12)} | {"end": []}
    distributions = held(**{name: list(edges) for name, edges in rows.items()})
    began = time.process_time()
    found = ChainFinder(distributions, "end").find([root("r0c0")], limit=3)
    assert time.process_time() - began < 5
    assert shown(found)[0] == " ".join(["1:r0c0", *(f"r{row}c0" for row in range(1, 13)), "end"])
    assert (len(found.shown), found.exact) == (3, False)
    assert found.more > 1000


def test_a_long_chain_is_no_trouble() -> None:
    distributions = held(**{f"n{at}": [f"n{at + 1}"] for at in range(3000)}, n3000=[])
    (chain,) = ChainFinder(distributions, "n3000").find([root("n0")], limit=3).shown
    assert len(chain.edges) == 3000


def test_required_by_says_who_asks_last() -> None:
    assert required_by(WEB, [root("app", line=7)], "web") == "app 1.0 (a.in:7)"
    assert required_by(WEB, [root("app", line=7)], "app") == "a.in:7"
    assert required_by(WEB, [root("app", line=7)], "loop") == "nobody"
