"""One line of a requirements file."""

from __future__ import annotations

import pytest

from layerforge.errors import ConfigError
from layerforge.project.requirement_files.directives import Directive, Option, parse_directive

SHA = "a" * 64


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("numpy>=2", Directive(text="numpy>=2")),
        ('six ; sys_platform == "linux"', Directive(text='six ; sys_platform == "linux"')),
        (f"six==1 --hash=sha256:{SHA}", Directive(text="six==1", hashes=(f"sha256:{SHA}",))),
        (f"six==1 --hash sha256:{SHA.upper()}", Directive(text="six==1", hashes=(f"sha256:{SHA}",))),
        ("-e .", Directive(text=".", editable=True)),
        ("-e.", Directive(text=".", editable=True)),
        ("--editable=../a[b]", Directive(text="../a[b]", editable=True)),
        ('-e "../a b"', Directive(text="../a b", editable=True)),
        (
            '-e ../a ; python_version > "3"',
            Directive(text='../a ; python_version > "3"', editable=True),
        ),
        ("-r a.txt", Directive(options=(Option(name="requirement", value="a.txt"),))),
        ("-ra.txt", Directive(options=(Option(name="requirement", value="a.txt"),))),
        ("--requirement=a.txt", Directive(options=(Option(name="requirement", value="a.txt"),))),
        ('-c "a b.txt"', Directive(options=(Option(name="constraint", value="a b.txt"),))),
        (
            "-i https://a --extra-index-url https://b --pre",
            Directive(
                options=(
                    Option(name="index-url", value="https://a"),
                    Option(name="extra-index-url", value="https://b"),
                    Option(name="pre"),
                )
            ),
        ),
        ("--prefer-binary", Directive()),
        ("--use-feature=fast-deps", Directive()),
        (
            "--no-index -f wheels",
            Directive(options=(Option(name="no-index"), Option(name="find-links", value="wheels"))),
        ),
    ],
)
def test_parse(line: str, expected: Directive) -> None:
    assert parse_directive(line, where="r.txt:1") == expected


@pytest.mark.parametrize(
    ("line", "sentence", "hint"),
    [
        (
            "--index-ur https://u:secret@a",
            "--index-ur is not an option that a requirements file may hold",
            "did you mean --index-url?",
        ),
        (
            "six --global-option=x",
            "--global-option cannot be honoured in a requirements file",
            "pip itself removed it; use the settings of the build backend",
        ),
        (
            "six --config-settings=x=1",
            "--config-settings cannot be honoured in a requirements file",
            "build one wheel of it with these settings and ask for that wheel by its path",
        ),
        (
            "six --pre",
            "--pre stands behind a requirement, where only --hash may stand",
            "give it a line of its own",
        ),
        (
            "six --hash=md5:abc",
            "--hash=md5:abc is not of sha256, sha384 or sha512",
            "write --hash=sha256: and the digest (`pip hash FILE` tells it)",
        ),
        (
            "six --hash=sha256:abc",
            "--hash=sha256:abc is not a sha256 digest: 64 hexadecimal digits expected",
            None,
        ),
        ("--hash=sha256:abc", "--hash stands without the requirement that it belongs to", None),
        ("-r", "-r needs a value", None),
        ("--pre=yes", "--pre takes no value", None),
        ("-r 'a", "a quote is opened and not closed in `-r 'a`", None),
        ("--pre https://u:secret@a", "`https://****@a` stands where an option was expected", None),
    ],
)
def test_refused(line: str, sentence: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_directive(line, where="r.txt:3")
    assert (caught.value.headline, caught.value.hint) == (f"r.txt:3: {sentence}", hint)
