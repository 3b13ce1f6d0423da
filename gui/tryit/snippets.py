"""A composed request as a curl line and as a Python script, to paste elsewhere. Pure; never holds a secret.

Authorization is written as the variable TOKEN: both begin with a comment that says so.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from gui.tryit.request import Source, type_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gui.tryit.request import Part, Request

SECRET = re.compile(r"authorization|cookie|token|secret|api[-_]?key|password", re.IGNORECASE)
SCHEME = re.compile(r"(Bearer|Basic|Token)\s+\S", re.IGNORECASE)
NOTE = "# TOKEN is a variable of your environment: the key of the inference API\n"
# A longer argument is refused by some systems.
LONGEST_ARGUMENT = 100_000
GLOBS = frozenset("{}[]")
BEARER = "Bearer "


def is_secret(name: str) -> bool:
    """Whether a header of this name is one whose value must not be copied."""
    return SECRET.search(name) is not None


def curl(request: Request, *, token: bool) -> str:
    """The request as a curl command line; `token` says that the server asks for one."""
    words = [f"curl -X POST {shlex.quote(request.url)}"]
    headers, secret = _with_authorization(request, token=token)
    words += [f"-H {_shell_header(name, value)}" for name, value in headers]
    note, body = _curl_body(request)
    return (NOTE if secret else "") + note + " ".join([*words, *body])


def _with_authorization(request: Request, *, token: bool) -> tuple[list[tuple[str, str]], bool]:
    """The headers to write, and whether one of them is secret."""
    headers = list(request.headers)
    if token and not any(name.lower() == "authorization" for name, _ in headers):
        headers.append(("Authorization", f"{BEARER}-"))
    return headers, any(is_secret(name) for name, _ in headers)


def _scheme(value: str) -> str:
    match = SCHEME.match(value)
    return f"{match[1]} " if match else ""


def _shell_header(name: str, value: str) -> str:
    if is_secret(name):
        quoted = name.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")
        return f'"{quoted}: {_scheme(value)}$TOKEN"'
    return shlex.quote(f"{name}: {value}" if value else f"{name};")


def _curl_body(request: Request) -> tuple[str, list[str]]:
    """A note to put before the line, and the words that give the body."""
    draft = request.draft
    if draft.source is Source.PARTS:
        return "", [word for part in draft.parts for word in _curl_part(part)]
    if draft.source is Source.FILE:
        path = str(draft.path)
        return "", [*(["-g"] if GLOBS & set(path) else []), f"-T {shlex.quote(path)}"]
    if len(draft.text.encode()) > LONGEST_ARGUMENT:
        return "# Save the text as body.txt first: it is too long for a command line\n", ["--data-binary @body.txt"]
    return "", [f"--data-raw {shlex.quote(draft.text)}"]


def _curl_part(part: Part) -> Iterator[str]:
    if not part.is_file:
        yield f"--form-string {shlex.quote(f'{part.name}={part.text}')}"
        return
    escaped = str(part.path).replace("\\", "\\\\").replace('"', '\\"')
    yield "-F " + shlex.quote(f'{part.name}=@"{escaped}";type={type_of_file(part.path)}')


def python(request: Request, *, token: bool) -> str:
    """The request as a script for the requests library."""
    headers, secret = _with_authorization(request, token=token)
    body = [
        f"    {request.url!r},",
        *([f"    headers={_python_headers(headers)},"] if headers else []),
        *_python_body(request),
    ]
    lines = [
        *(["import os", ""] if secret else []),
        "import requests",
        "",
        "answer = requests.post(",
        *body,
        ")",
        "print(answer.status_code, answer.reason)",
        "print(answer.text)",
        "",
    ]
    return (NOTE if secret else "") + "\n".join(lines)


def _python_headers(headers: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name!r}: {_python_value(name, value)}" for name, value in headers) + "}"


def _python_value(name: str, value: str) -> str:
    return f"{_scheme(value)!r} + os.environ['TOKEN']" if is_secret(name) else repr(value)


def _python_body(request: Request) -> list[str]:
    draft = request.draft
    if draft.source is Source.PARTS:
        return ["    files=[", *(f"        {_python_part(part)}," for part in draft.parts), "    ],"]
    if draft.source is Source.FILE:
        return [f"    data=open({str(draft.path)!r}, 'rb'),"]
    return [f"    data={draft.text!r}.encode(),"]


def _python_part(part: Part) -> str:
    if part.path is None or not part.is_file:
        return f"({part.name!r}, (None, {part.text!r}))"
    return f"({part.name!r}, ({part.path.name!r}, open({str(part.path)!r}, 'rb'), {type_of_file(part.path)!r}))"
