"""Keep secrets out of everything that is written or shown."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<userinfo>[^/\s@'\"]+(?:@[^/\s@'\"]+)*)@")
# Signed URLs (S3, Azure, CodeArtifact, Artifactory) carry the secret in the query.
_SECRET_QUERY = re.compile(
    r"(?i)(?P<key>[?&](?:[a-z0-9_.-]*(?:token|signature|password|secret|credential|api[-_]?key)|sig|auth)=)[^&\s#'\"]+"
)


def redact(text: str) -> str:
    """`text` with every URL's user information and secret query value replaced by `****`."""
    return _SECRET_QUERY.sub(r"\g<key>****", _USERINFO.sub(_hide_userinfo, text))


def _hide_userinfo(match: re.Match[str]) -> str:
    # `git+ssh://git@host` carries no secret and pip shows it; hiding it would hide a needed fact.
    if match["userinfo"] == "git":
        return match[0]
    return f"{match['scheme']}****@"


def strip_credentials(url: str) -> str:
    """`url` without user information, as it may stand in a lock file or manifest."""
    return _USERINFO.sub(lambda m: m[0] if m["userinfo"] == "git" else m["scheme"], url)
