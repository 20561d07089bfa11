from __future__ import annotations

from typing import Any

import pytest

from layerforge.errors import ConfigError
from layerforge.project.template_text import NAME_THEM_HINT, line_of, parse_template

MEND = f"mend it, or {NAME_THEM_HINT}"
NEITHER = "it is neither YAML nor JSON that CloudFormation would read:"


def test_short_forms_become_long_ones() -> None:
    assert parse_template("a: !Ref X\nb: !GetAtt A.B\nc: !Sub '${X}'\nd: !If [C, 1, 2]\n", path="t.yaml") == {
        "a": {"Ref": "X"},
        "b": {"Fn::GetAtt": ["A", "B"]},
        "c": {"Fn::Sub": "${X}"},
        "d": {"Fn::If": ["C", 1, 2]},
    }


@pytest.mark.parametrize(
    "text",
    [
        "# note\nResources:\n  Orders: {Type: X}\n",
        "# note\r\nResources:\r\n  Orders: {Type: X}\r\n",
        '\ufeff{\n "Resources":\n  {"Orders": {"Type": "X"}}}',
        '{\n\t"Resources":\n\t{"Orders": {"Type": "X"}}\n}',
    ],
)
def test_keys_know_their_lines(text: str) -> None:
    template = parse_template(text, path="t.yaml")
    assert template == {"Resources": {"Orders": {"Type": "X"}}}
    assert [line_of(key) for key in template["Resources"]] == [3]


def test_anchors_merge_keys_dates_octal() -> None:
    text = "A: &a {x: 1}\nB: {<<: *a, y: 010}\nC: 2010-09-09\nD: *a\n3: three\n"
    template = parse_template(text, path="t.yaml")
    numbered: dict[Any, Any] = template
    assert (template["B"], template["D"], numbered[3]) == ({"x": 1, "y": 8}, {"x": 1}, "three")


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        ("", "t.yaml: the template is empty", "add Resources, or leave the template out"),
        ("# only a comment\n", "t.yaml: the template is empty", "add Resources, or leave the template out"),
        ("{}", "t.yaml: the template is empty", "add Resources, or leave the template out"),
        ("just text", "t.yaml:1: unexpected plain text (expected a mapping with Resources)", NAME_THEM_HINT),
        ("- a\n- b\n", "t.yaml:1: unexpected a list (expected a mapping with Resources)", NAME_THEM_HINT),
        (
            "Resources:\n\tOrders: 1\n",
            "t.yaml:2: a tab cannot indent YAML",
            f"indent the template with spaces, or {NAME_THEM_HINT}",
        ),
        (
            "Resources:\n{% for f in functions %}\n  A: 1\n{% endfor %}\n",
            "t.yaml:2: it is not YAML but text with placeholders (Jinja or the like), which cannot be read",
            f"give the rendered template, or {NAME_THEM_HINT}",
        ),
        (
            "A: 1\nResources: {{ resources }}\n",
            "t.yaml:2: it is not YAML but text with placeholders (Jinja or the like), which cannot be read",
            f"give the rendered template, or {NAME_THEM_HINT}",
        ),
        ("a: [\n", f"t.yaml:2: {NEITHER} did not find expected node content", MEND),
        ("a: 1\nb: 2\na: 3\n", f"t.yaml:3: {NEITHER} the key a is given twice", MEND),
        ("a: &x\n  b: *x\n", f"t.yaml:1: {NEITHER} found unconstructable recursive node", MEND),
        ("a: 1\n? [b]\n: c\n", f"t.yaml:2: {NEITHER} unhashable type \"['b']\"", MEND),
        ("a: 1\n---\nb: 2\n", f"t.yaml:1: {NEITHER} expected a single document in the stream", MEND),
        ("a: *nowhere\n", f"t.yaml:1: {NEITHER} found undefined alias", MEND),
        ('{\n "a": [1\n}', f"t.yaml:3: {NEITHER} did not find expected ',' or ']'", MEND),
        ("~: 1\n", f"t.yaml:1: {NEITHER} null key '~' not supported", MEND),
        ("{" * 30_000, "t.yaml: it is nested too deeply to be a template", NAME_THEM_HINT),
    ],
)
def test_what_is_no_template(text: str, headline: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_template(text, path="t.yaml")
    assert (caught.value.headline, caught.value.hint) == (headline, hint)


@pytest.mark.parametrize(
    "text",
    [
        "a: '{{resolve:ssm:/x:1}}'\n",
        "a: {b: {c: 1}}\n",
        "a: !Sub '${{X}}'\nb: |\n  {{ text }}\n",
        '{"a":{"b":1}}',
    ],
)
def test_braces_that_are_no_placeholders(text: str) -> None:
    assert parse_template(text, path="t.yaml")


def test_aliases_that_grow_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="alias amplification"):
        parse_template("\n".join(lines), path="t.yaml")


def test_a_huge_file() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_template("a: 1\n" * 2_000_000, path="t.yaml")
    assert caught.value.headline == (
        "t.yaml: a template of 10,000,000 characters cannot be read (CloudFormation takes at most 1 MB)"
    )


def test_it_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError):
        parse_template('\t{"a": "\\q"', path="t.yaml")
    assert capfd.readouterr() == ("", "")
