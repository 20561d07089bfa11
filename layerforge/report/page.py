"""The report as one HTML file that needs nothing else: no network, no fonts, no other files.

Names come from strangers (files in wheels, requirements), so nothing of them is ever markup: what is
written into the page is escaped, what the script shows is set as text, and a Content-Security-Policy
lets only this very script and style run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from layerforge import __version__
from layerforge.cache import write_atomically
from layerforge.model.counts import count
from layerforge.model.finding import Severity
from layerforge.model.sizes import format_size
from layerforge.report.inventory import Inventory
from layerforge.report.page_data import page_document

_SCRIPTS = ("words.js", "squares.js", "map.js", "table.js", "sections.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
# Characters that turn the order of what follows: a name could so pass for another.
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TURNING_ESCAPED = re.compile(r"\\u(?:200[ef]|202[a-e]|206[6-9])")
_Figure = tuple[str, str, str, str]


def format_page(inventory: Inventory) -> str:
    """The whole page: same inventory, same bytes."""
    style = _read("page.css")
    script = '"use strict";\n(() => {\n' + "\n".join(map(_read, _SCRIPTS)) + "})();\n"
    return _fill(
        _read("page.html"),
        {
            "policy": _policy(style, script),
            "project": _escape(inventory.project),
            "lead": _escape(_lead(inventory)),
            "cards": "".join(map(_card, _figures(inventory))),
            "footer": _escape(f"Written by layerforge {__version__}, from what it built."),
            "style": style,
            "data": _json(page_document(inventory)),
            "script": script,
        },
    )


def write_page(path: Path, inventory: Inventory) -> int:
    """Write the page, all or nothing. Returns its bytes."""
    data = format_page(inventory).encode(errors="replace")  # a lone surrogate in a name
    write_atomically(path, data)
    return len(data)


def _read(name: str) -> str:
    return (files("layerforge.report") / "page" / name).read_text(encoding="utf-8")


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in, once: what a value holds is never looked at again."""
    return _PLACE.sub(lambda match: values[match[1]], template)


def _escape(text: str) -> str:
    return html.escape(_TURNING.sub("\ufffd", text))


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(document: dict[str, Any]) -> str:
    """JSON that no HTML parser can take for the end of its element."""
    text = _TURNING_ESCAPED.sub(r"\\ufffd", json.dumps(document, separators=(",", ":")))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _lead(inventory: Inventory) -> str:
    return (
        f"{count(inventory.functions, 'function')}, {count(inventory.layers, 'layer')}, "
        f"{count(inventory.releases, 'distribution')}"
    )


def _figures(inventory: Inventory) -> list[_Figure]:
    """Title, figure, what stands below it, and how bad it is."""
    needless = sum(copies.needless for copies in inventory.copies)
    return [
        ("Layers, unzipped", format_size(inventory.unzipped_size), _zipped(inventory), ""),
        ("Largest function", *_largest(inventory)),
        (
            "Needless copies",
            format_size(needless),
            f"{count(inventory.copies, 'distribution')} stored more than once",
            "",
        ),
        ("Findings", *_found(inventory)),
    ]


def _zipped(inventory: Inventory) -> str:
    return f"{format_size(inventory.zipped_size)} zipped, {count(inventory.layers, 'layer')}"


def _largest(inventory: Inventory) -> tuple[str, str, str]:
    if not inventory.functions:
        return "none", "there are no functions", ""
    largest = max(inventory.functions, key=lambda one: (one.unzipped_size / max(one.limit, 1), one.name))
    share = largest.unzipped_size / max(largest.limit, 1)
    kind = "error" if share > 1 else "warning" if share > 0.9 else ""
    return (
        f"{share:.0%}",
        f"{largest.name}: {format_size(largest.unzipped_size)} of {format_size(largest.limit)}",
        kind,
    )


def _found(inventory: Inventory) -> tuple[str, str, str]:
    counts = {kind: sum(1 for one in inventory.findings if one.severity is kind) for kind in Severity}
    worst = next((kind for kind in Severity if counts[kind]), None)
    told = [count(counts[kind], kind.value) for kind in Severity if counts[kind]]
    kind = worst.value if worst in {Severity.ERROR, Severity.WARNING} else ""
    return str(len(inventory.findings)), ", ".join(told) or "nothing to mend", kind


def _card(figure: _Figure) -> str:
    title, value, below, kind = map(_escape, figure)
    return (
        f'<div class="card"><dt>{title}</dt><dd class="figure {kind}">{value}</dd>'
        f'<dd class="under">{below}</dd></div>'
    )
