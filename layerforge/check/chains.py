"""Which requirements of the user brought a distribution in, and along which dependencies."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from layerforge.model.lock import Distribution, Edge, Root

# Half-finished chains that are looked at before the rest is only said to be there: a graph of a few
# hundred distributions may hold more chains than there is time.
_MOST_STEPS = 20_000

# A distribution with one of its extras opened (None: what it requires in any case).
_Node = tuple[str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """A requirement of the user and the dependencies that lead from it to a distribution, in order.

    `edges[0]` belongs to `root`'s distribution, each further one to that of the edge before it.
    """

    root: Root
    edges: tuple[Edge, ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """Names of the distributions that the edges belong to."""
        return (self.root.name, *(edge.name for edge in self.edges))[: len(self.edges)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chains:
    """The shortest chains, and how many there are beside them: at least `more`, if not `exact`."""

    shown: tuple[Chain, ...]
    more: int = 0
    exact: bool = True


class ChainFinder:
    """Finds chains that end at the distribution `name`; what it learns serves all functions of a lock."""

    def __init__(self, distributions: dict[str, Distribution], name: str) -> None:
        self._distributions = distributions
        self._name = name
        self._distances = _distances(distributions, name)

    def find(self, roots: Iterable[Root], *, limit: int, count: bool = True) -> Chains:
        """Return the `limit` shortest chains from `roots`, and (if `count`) how many more there are.

        No distribution occurs twice in a chain, except where it asks for an extra of its own.
        """
        shown: list[Chain] = []
        more = 0
        for step, chain in enumerate(self._chains(roots), start=1):
            if chain is not None and len(shown) < limit:
                shown.append(chain)
            elif chain is not None:
                more += 1
            if step >= _MOST_STEPS or (not count and len(shown) == limit):
                return Chains(shown=tuple(shown), more=more, exact=False)
        return Chains(shown=tuple(shown), more=more)

    def _chains(self, roots: Iterable[Root]) -> Iterator[Chain | None]:
        """Yield every chain, shortest first, and None for each step on the way to one."""
        begun: list[tuple[Chain, tuple[_Node, ...]]] = [
            (Chain(root=root), (node,)) for root in sorted(roots) for node in self._opened(root, owner=None)
        ]
        waiting: list[tuple[int, tuple[str, ...], int, Chain, tuple[_Node, ...]]] = []
        number = 0
        while begun or waiting:
            for chain, passed in begun:
                if (rest := self._distances.get(passed[-1])) is not None:
                    names = tuple(name for name, _ in passed)
                    heapq.heappush(waiting, (len(chain.edges) + rest, names, number, chain, passed))
                    number += 1
            if not waiting:
                return
            *_, chain, passed = heapq.heappop(waiting)
            ended = passed[-1][0] == self._name
            yield chain if ended else None
            begun = [] if ended else list(self._longer(chain, passed))

    def _longer(self, chain: Chain, passed: tuple[_Node, ...]) -> Iterator[tuple[Chain, tuple[_Node, ...]]]:
        owner, opened = passed[-1]
        names = {name for name, _ in passed}
        for edge in self._distributions[owner].edges:
            if edge.extra != opened or (edge.name in names and edge.name != owner):
                continue
            longer = Chain(root=chain.root, edges=(*chain.edges, edge))
            for node in self._opened(edge, owner=owner):
                if node not in passed:
                    yield longer, (*passed, node)

    def _opened(self, asked: Root | Edge, *, owner: str | None) -> tuple[_Node, ...]:
        """What a requirement leads on to; a distribution that asks for extras of its own: those alone."""
        if asked.name == self._name:
            return ((asked.name, None),)
        extras = asked.extras if asked.name == owner else (None, *asked.extras)
        return tuple((asked.name, extra) for extra in extras)


def _distances(distributions: dict[str, Distribution], name: str) -> dict[_Node, int]:
    """How many dependencies lie between each distribution (with an extra) and `name` at least."""
    askers: dict[_Node, list[_Node]] = {}
    for owner in distributions.values():
        for edge in owner.edges:
            for extra in (None, *edge.extras):
                askers.setdefault((edge.name, extra), []).append((owner.name, edge.extra))
    distances: dict[_Node, int] = {(name, None): 0} if name in distributions else {}
    waiting = deque(distances)
    while waiting:
        node = waiting.popleft()
        for asker in askers.get(node, ()):
            if asker not in distances:
                distances[asker] = distances[node] + 1
                waiting.append(asker)
    return distances


def required_by(distributions: dict[str, Distribution], roots: Iterable[Root], name: str) -> str:
    """Say in words who asks for `name`, along the shortest chain from a requirement.

    `functions/orders/requirements.in:2`, or `awswrangler 3.14 (functions/orders/requirements.in:4)`.
    """
    chains = ChainFinder(distributions, name).find(roots, limit=1, count=False).shown
    return describe_asker(distributions, chains[0]) if chains else "nobody"


def describe_asker(distributions: dict[str, Distribution], chain: Chain) -> str:
    """What asks at the end of a chain, and the place that the chain begins at."""
    if not chain.edges:
        return str(chain.root.origin)
    asker = chain.owners[-1]
    return f"{asker} {distributions[asker].version} ({chain.root.origin})"
