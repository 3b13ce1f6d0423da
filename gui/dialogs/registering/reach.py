"""Where archives may be fetched from, in the words of the window. Pure.

The engine judges again, and more strictly, when it fetches; here a refusal is told while one types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from engine.exposure import patterns_reaching_inside
from gui.words import tr

if TYPE_CHECKING:
    from engine.settings import Settings

REMOTE = re.compile(r"(https?|s3|file)://", re.IGNORECASE)
SHOWN = 4
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


def is_remote(url: str) -> bool:
    """Whether `url` is fetched, rather than the name of a file in the model store."""
    return REMOTE.match(url) is not None


def allowed_words(settings: Settings) -> str:
    """Say where archives may come from."""
    allowed = settings.allowed_urls
    if allowed is None:
        return tr("Fetched over http, https or s3, from public addresses only.")
    source = settings.source("allowed_urls")
    if not allowed:
        return tr("The setting allowed_urls lets nothing be fetched ({source}).").format(source=source)
    patterns = ", ".join(allowed[:SHOWN]) + (", …" if len(allowed) > SHOWN else "")
    return tr("Only what matches {patterns} (setting allowed_urls, {source}).").format(patterns=patterns, source=source)


def warning(settings: Settings) -> str:
    """Say that the setting opens this machine or its networks; empty when it does not."""
    if patterns_reaching_inside(settings):
        return tr("The setting allowed_urls opens addresses of this machine or its network to everybody who registers.")
    return ""


def url_problem(url: str, settings: Settings) -> str:
    """Say why this URL cannot be fetched, empty when nothing speaks against it."""
    if not url:
        return tr("Type the address of an archive.")
    if not REMOTE.match(url):
        return tr("The address must begin with https://, http:// or s3://.")
    if url.lower().startswith(("http", "s3")) and not _host(url):
        return tr("The address names no host.")
    if ".." in url or re.search(r"[\s\\]", url) or not url.isprintable():
        return tr("The address must not hold blanks, backslashes or “..”.")
    if not urlsplit(url).path.rpartition("/")[2]:
        return tr("The address names no file.")
    return _refusal(url, settings)


def s3_problem(bucket: str, key: str, region: str) -> str:
    """Say which of the three cannot be, empty when all can."""
    problems = {
        tr("Type the name of the bucket."): not bucket,
        tr("The bucket's name has letters, digits, dots and hyphens only."): not BUCKET.fullmatch(bucket),
        tr("Type the key of the archive."): not key,
        tr("The key names a folder, not an archive."): key.endswith("/"),
        tr("A region reads like eu-central-1."): region and not REGION.fullmatch(region),
    }
    return next((problem for problem, found in problems.items() if found), "")


def s3_url(bucket: str, key: str, region: str) -> str:
    """Return s3://bucket/key, or the https URL where a region is given: only that can name one."""
    path = quote(key, safe="/~")
    if not region:
        return f"s3://{bucket}/{path}"
    # AWS's certificates cover no bucket with a dot before the host.
    if "." in bucket:
        return f"https://s3.{region}.amazonaws.com/{bucket}/{path}"
    return f"https://{bucket}.s3.{region}.amazonaws.com/{path}"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _refusal(url: str, settings: Settings) -> str:
    allowed = settings.allowed_urls
    if allowed is None:
        is_file = url.lower().startswith("file:")
        return tr("Files of this machine are chosen under File, or allowed by allowed_urls.") if is_file else ""
    if not any(_matches(pattern, url) for pattern in allowed):
        return tr("The setting allowed_urls does not let this address be fetched.")
    return ""


def _matches(pattern: str, url: str) -> bool:
    return re.fullmatch(pattern, url, re.IGNORECASE | re.ASCII) is not None
