from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerforge.model.url import redact, strip_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://index.example/simple/", "https://index.example/simple/"),
        ("https://user:secret@index.example/simple/", "https://****@index.example/simple/"),
        ("https://user:pa@ss@index.example/simple/", "https://****@index.example/simple/"),
        ("https://user:pa%40ss@index.example:8443/", "https://****@index.example:8443/"),
        ("https://user:it's@index.example/", "https://****@index.example/"),
        ('https://user:a"b@index.example/', "https://****@index.example/"),
        ("https://user:pa/ss@index.example/simple", "https://****@index.example/simple"),
        ("https://user:pa#ss?@index.example/simple", "https://****@index.example/simple"),
        ("https://user:@index.example/", "https://****@index.example/"),
        ("https://:secret@index.example/", "https://****@index.example/"),
        ("https://ghp_token@index.example/", "https://****@index.example/"),
        ("https://${USER}:${TOKEN}@index.example/", "https://****@index.example/"),
        ("HTTPS://user:secret@[::1]:8080/x", "HTTPS://****@[::1]:8080/x"),
        ("git+ssh://git@git.example/team/lib.git@v1", "git+ssh://git@git.example/team/lib.git@v1"),
        ("git+ssh://git:pw@git.example/lib@v1", "git+ssh://****@git.example/lib@v1"),
        (
            "git+https://x-access-token:pw@git.example/lib@v1#egg=lib",
            "git+https://****@git.example/lib@v1#egg=lib",
        ),
        ("git@git.example:team/lib.git", "git@git.example:team/lib.git"),
        ("svn://host.example/lib@12", "svn://host.example/lib@12"),
        ("https://host.example:8443/lib@v1", "https://host.example:8443/lib@v1"),
        ("https://host.example?mail=me@x.example", "https://host.example?mail=me@x.example"),
        ("https://[::1]:80/lib@v1", "https://[::1]:80/lib@v1"),
        ("file:///srv/wheels/a@b", "file:///srv/wheels/a@b"),
        (
            "https://s3.example/w.whl?X-Amz-Signature=ab12&x=1",
            "https://s3.example/w.whl?X-Amz-Signature=****&x=1",
        ),
        ("https://a.example/w?sv=1&sig=a%2Bb%3D#sha256=00", "https://a.example/w?sv=1&sig=****#sha256=00"),
        ("https://a.example/w?access_key=k&pwd=p", "https://a.example/w?access_key=****&pwd=****"),
        ("https://a.example/w?page=2&authors=me", "https://a.example/w?page=2&authors=me"),
        ("Authorization: Basic ZGVwbG95OnB3", "Authorization: Basic ****"),
        ("{'Authorization': 'Bearer abc.def'}", "{'Authorization': 'Bearer ****'}"),
        (
            "cannot reach https://u:p@a.example/simple/, nor http://v:q@b.example: ask ops@a.example",
            "cannot reach https://****@a.example/simple/, nor http://****@b.example: ask ops@a.example",
        ),
        (
            "['https://a.example/', 'https://u:p@b.example/']",
            "['https://a.example/', 'https://****@b.example/']",
        ),
        ("proxy=http://u:p@proxy.example:3128", "proxy=http://****@proxy.example:3128"),
        ("two\nhttps://u:p@a.example\nlines", "two\nhttps://****@a.example\nlines"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://index.example/simple/", "https://index.example/simple/"),
        ("https://user:pa@ss@index.example/f/w.whl#sha256=ab", "https://index.example/f/w.whl#sha256=ab"),
        ("https://user:pa/ss@index.example/f/", "https://index.example/f/"),
        ("git+ssh://git@git.example/lib.git@v1", "git+ssh://git@git.example/lib.git@v1"),
        ("git+https://token@git.example/lib.git@v1", "git+https://git.example/lib.git@v1"),
        ("https://a.example/w?token=t", "https://a.example/w"),
        ("https://a.example/w?token=t#sha256=ab", "https://a.example/w#sha256=ab"),
        ("https://a.example/w?token=t&x=1", "https://a.example/w?x=1"),
        ("https://a.example/w?x=1&token=t&y=2", "https://a.example/w?x=1&y=2"),
        ("https://a.example/w?x=1&token=", "https://a.example/w?x=1"),
        ("https://a.example/w?&x=1", "https://a.example/w?&x=1"),
    ],
)
def test_strip_credentials(url: str, bare: str) -> None:
    assert strip_credentials(url) == bare
    assert strip_credentials(bare) == bare


# What a secret may consist of where it stands in a URL as someone pasted it, quoted or not. It begins
# and ends in a way that makes it recognisable in the result.
PASSWORDS = st.text(st.sampled_from("abcXYZ019-._~!$&'()*+,;=%\"<>|{}^`é"), min_size=0, max_size=12).map(
    lambda middle: f"zQ{middle}Qz"
)
AROUND = st.sampled_from(["", "see ", "'", '"', "(", "--index-url=", "a https://other.example/ b "])


@given(before=AROUND, user=st.sampled_from(["", "me", "me%40x.example"]), password=PASSWORDS, after=AROUND)
def test_no_password_survives(before: str, user: str, password: str, after: str) -> None:
    text = f"{before}https://{user}:{password}@index.example/simple/{after}"
    assert redact(text) == f"{before}https://****@index.example/simple/{after}"
    assert strip_credentials(text) == f"{before}https://index.example/simple/{after}"


@given(password=st.text(min_size=1, max_size=12).map(lambda middle: f"zQ{middle}Qz"))
def test_no_quoted_password_survives(password: str) -> None:
    url = f"https://me:{quote(password, safe='', errors='replace')}@index.example/"
    assert redact(url) == "https://****@index.example/"
    assert strip_credentials(url) == "https://index.example/"


PIECES = [*"ab:/@?#&=[]. '\"", "://", "token=", "git@"]


@given(text=st.lists(st.sampled_from(PIECES)).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_long_lines_take_no_time() -> None:
    before = time.process_time()
    redact("https://" * 20_000 + "a" * 200_000)
    redact("a:" * 100_000)
    assert time.process_time() - before < 5
