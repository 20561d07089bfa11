from __future__ import annotations

from layerforge.model.requirement import Origin, Requirement, urls_with_credentials


def test_only_urls_that_carry_credentials_are_kept_each_once() -> None:
    urls = (
        "https://me:hunter2@git.example/own.zip",
        "https://git.example/public.zip",
        "git+ssh://git@git.example/own.git",
        "https://me:hunter2@git.example/own.zip",
        None,
    )
    asked = [Requirement(name="own", url=url, origin=Origin(path="a.in", line=1)) for url in urls]
    assert urls_with_credentials(asked) == ("https://me:hunter2@git.example/own.zip",)
