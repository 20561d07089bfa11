"""Changes of a template made in its text, of which all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from layerforge.errors import ConfigError
from layerforge.export.template_changes import (
    Change,
    ListChange,
    MappingChange,
    New,
    Path,
    apply_changes,
    plain,
)
from layerforge.export.template_nodes import Node, end_of, has_alias, line_end, line_start, read_nodes
from layerforge.export.template_style import Style, find_style
from layerforge.project.template_text import parse_template


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str


def change_template(text: str, changes: Sequence[Change], *, path: str) -> str:
    """Make the changes in the text of a template, and in nothing else of it.

    The result is read again and held against what the changes mean. Raises ConfigError, with the line,
    where the text has no place of its own for a change: behind an alias.
    """
    if not changes:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    # So that every line has an end while lines are put after lines.
    complete = text if text.endswith("\n") else text + newline
    root = read_nodes(complete, path=path)
    style = find_style(root, complete, newline=newline)
    edits = [edit for change in changes for edit in _edits(change, root, complete, style, path)]
    changed = _apply(complete, edits)
    if complete != text:
        changed = changed.removesuffix(newline)
    wanted = apply_changes(plain(parse_template(text, path=path)), changes)
    try:
        fits = plain(parse_template(changed, path=path)) == wanted
    except ConfigError:
        fits = False
    if fits:
        return changed
    if has_alias(root):
        raise ConfigError(
            "a part that must change is shared by an alias (`*name`)",
            where=path,
            hint="write that part out where it is used",
        )
    raise AssertionError(f"{path} was not changed as intended: {changes}")


def _edits(change: Change, root: Node, text: str, style: Style, path: str) -> list[_Edit]:
    node = _find(root, change.path, path)
    if isinstance(change, ListChange):
        items = node.items or []
        if node.is_flow:
            return _Flow(node, text, style).edits([(item, item) for item in items], change.items, _item)
        return _block_list_edits(node, change, text, style)
    for key in change.removed:
        _own_pair(node, key, path)
    if node.is_flow:
        pairs = node.pairs or []
        return _Flow(node, text, style).edits(pairs, _arranged(pairs, change), _pair)
    return _block_mapping_edits(node, change, text, style)


def _find(root: Node, keys: Path, path: str) -> Node:
    node = root
    for key in keys:
        node = _own_pair(node, key, path)[1]
        if node.is_alias:
            raise ConfigError(
                f"{key} is an alias (`*{node.value}`), and cannot be changed here alone",
                where=f"{path}:{node.line}",
                hint="write it out where it is used",
            )
    return node


def _own_pair(node: Node, key: str, path: str) -> tuple[Node, Node]:
    if (pair := node.key(key)) is not None:
        return pair
    raise ConfigError(
        f"{key} comes from elsewhere by a merge (`<<`), and cannot be changed here",
        where=f"{path}:{node.line}",
        hint="write it out where it is used",
    )


def _arranged(pairs: Sequence[tuple[Node, Node]], change: MappingChange) -> tuple[int | New, ...]:
    """The entries of a mapping after a change, as those of a list."""
    put = dict(change.put)
    there = {str(key.value) for key, _ in pairs}
    added = [New(value=entry) for entry in change.put if entry[0] not in there]
    arranged: list[int | New] = []
    is_placed = False
    for number, (key, _) in enumerate(pairs):
        name = str(key.value)
        if name == change.before:
            arranged += added
            is_placed = True
        if name in put:
            arranged.append(New(value=(name, put[name])))
        elif name not in change.removed:
            arranged.append(number)
        if name == change.after and not is_placed:
            arranged += added
            is_placed = True
    return (*arranged, *(() if is_placed else added))


# Between brackets.


def _item(style: Style, value: Any, lead: str | None) -> str:
    return style.inline(value) if lead is None else style.indented(value, lead)


def _pair(style: Style, entry: Any, lead: str | None) -> str:
    key, value = entry
    return f"{style.key(key)}: {_item(style, value, lead)}"


@dataclass(frozen=True, slots=True)
class _Flow:
    """A collection in brackets. What lies between its entries is a lead: comma, space, comments."""

    node: Node
    text: str
    style: Style

    def edits(
        self,
        spans: Sequence[tuple[Node, Node]],
        arranged: Sequence[int | New],
        render: Callable[[Style, Any, str | None], str],
    ) -> list[_Edit]:
        """Edits of what lies between the entries that stay, so that these may be changed within."""
        opened = self._opening()
        if not spans:
            new = [render(self.style, item.value, None) for item in arranged if isinstance(item, New)]
            return [_Edit(opened, self.node.end - 1, ", ".join(new))]
        places = [(first.start, last.end) for first, last in spans]
        spaces = pairwise([(opened, opened), *places])
        leads = [self.text[end:start] for (_, end), (start, _) in spaces]
        line = self._line(leads[0], places[0][0])
        between = self._between(leads)
        edits, gap_start, gap, is_first = [], opened, "", True
        for item in arranged:
            if isinstance(item, New):
                gap += (leads[0] if is_first else between) + render(self.style, item.value, line)
            else:
                gap += self._lead(item, leads, between, is_first=is_first)
                edits.append(_Edit(gap_start, places[item][0], gap))
                gap_start, gap = places[item][1], ""
            is_first = False
        edits.append(_Edit(gap_start, places[-1][1], gap))
        return [edit for edit in edits if self.text[edit.start : edit.end] != edit.text]

    def _opening(self) -> int:
        return self.text.index("[" if self.node.items is not None else "{", self.node.start) + 1

    def _line(self, lead: str, start: int) -> str | None:
        """What the lines of the entries begin with; None where they are all in one line."""
        return self.text[line_start(self.text, start) : start] if "\n" in lead else None

    def _between(self, leads: Sequence[str]) -> str:
        if len(leads) > 1 and "#" not in leads[1]:
            return leads[1]
        return f",{leads[0]}" if "\n" in leads[0] and "#" not in leads[0] else ", "

    def _lead(self, number: int, leads: Sequence[str], between: str, *, is_first: bool) -> str:
        lead = leads[number]
        if not is_first:
            return lead if number else between
        # Without a comment there is nothing to keep of the comma's surroundings.
        return lead.replace(",", "", 1) if number and "#" in lead else leads[0]


# In lines.


def _block_list_edits(node: Node, change: ListChange, text: str, style: Style) -> list[_Edit]:
    items = node.items or []
    starts = [line_start(text, item.start) for item in items]
    ends = [line_end(text, end_of(item, text)) for item in items]
    first = text[starts[0] :]
    column = len(first) - len(first.lstrip(" "))
    kept = [item for item in change.items if not isinstance(item, New)]
    edits = [_Edit(starts[i], ends[i], "") for i in range(len(items)) if i not in kept]
    place = starts[0]
    for item in change.items:
        if isinstance(item, New):
            edits.append(_Edit(place, place, style.block_item(item.value, column)))
        else:
            place = ends[item]
    return edits


def _block_mapping_edits(node: Node, change: MappingChange, text: str, style: Style) -> list[_Edit]:
    pairs = node.pairs or []
    column = pairs[0][0].start - line_start(text, pairs[0][0].start)
    spans = {
        str(key.value): (line_start(text, key.start), line_end(text, end_of(value, text)))
        for key, value in pairs
    }
    blank = _are_apart(list(spans.values()), text)
    # Blank lines above go too, but for those that are the end of a text (`|+`).
    above = dict(zip(spans, [0, *(end for _, end in spans.values())], strict=False))
    edits = [
        _Edit(max(above[key], _with_blank_lines(spans[key][0], text)), spans[key][1], "")
        for key in change.removed
    ]
    new = []
    for key, value in change.put:
        block = style.block(key, value, column)
        if key in spans:
            edits.append(_Edit(*spans[key], block))
        else:
            new.append(block)
    space = style.newline if blank else ""
    if change.before in spans:
        place = _with_comments(spans[change.before][0], text)
        edits += [_Edit(place, place, block + space) for block in new]
    else:
        place = spans[change.after if change.after in spans else str(pairs[-1][0].value)][1]
        edits += [_Edit(place, place, space + block) for block in new]
    return edits


def _are_apart(spans: Sequence[tuple[int, int]], text: str) -> bool:
    """Whether a blank line stands between entries."""
    between = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
    return any(not line.strip() for gap in between for line in gap.splitlines())


def _with_blank_lines(place: int, text: str) -> int:
    """Where the blank lines begin that stand directly above a line."""
    while place and not text[(above := line_start(text, place - 1)) : place].strip():
        place = above
    return place


def _with_comments(place: int, text: str) -> int:
    """Where the comment begins that stands directly above a line."""
    while place and text[(above := line_start(text, place - 1)) : place].lstrip().startswith("#"):
        place = above
    return place


def _apply(text: str, edits: Iterable[_Edit]) -> str:
    """Make the edits from the end backwards; of several at one place, the first is to come first."""
    ordered = sorted(enumerate(edits), key=lambda one: (one[1].start, one[1].end, one[0]), reverse=True)
    for _, edit in ordered:
        text = f"{text[: edit.start]}{edit.text}{text[edit.end :]}"
    return text
