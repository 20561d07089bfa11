"""The policy that the documentation gives allows every operation that is called."""

from __future__ import annotations

import json
import re
from pathlib import Path

from layerforge.publish.aws_errors import Call

ROOT = Path(__file__).parents[3]
_CALLED = re.compile(
    r"(?:call|pages|guard|_ignoring)\(\s*(?:Failure\.[A-Z_]+,\s*)?\"(?P<operation>[A-Z]\w+)\""
)
_SERVICES = {
    "aws_lambda": "lambda",
    "aws_storage": "s3",
    "aws_lookup": None,
}


def called_actions() -> set[str]:
    actions = set()
    for module, service in _SERVICES.items():
        text = (ROOT / f"layerforge/publish/{module}.py").read_text(encoding="utf-8")
        for match in _CALLED.finditer(text):
            operation = match["operation"]
            found = service or ("tag" if operation == "GetResources" else "cloudformation")
            actions.add(Call(service=found, operation=operation, region="").action)
    return actions


def test_policy_of_the_documentation_allows_what_is_called() -> None:
    page = (ROOT / "docs/how-to/publish.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    allowed = {action for statement in json.loads(text)["Statement"] for action in statement["Action"]}
    called = called_actions()
    assert len(called) > 20
    assert called <= allowed
    # Aborting is what the SDK does by itself when an upload fails.
    assert allowed - called == {"s3:AbortMultipartUpload"}
