"""The archives of the scenario file, written into a model store, and the loopback server they are downloaded from.

An archive has: `name` and `version` of the model (the file's stem and "1.0" if not given), `handler` as in the manifest
(the .py file that it names is added), further `files` from the handlers folder, `config` (text of a model-config.yaml),
`model` and `manifest` (fields to change in the manifest, null removes one, and "manifest": null leaves it out), `raw`
(text that is the whole file), `remote` (kept out of the model store). A name ending in .tar.gz gives a gzipped tar with
everything in one folder, one ending in "/" an unpacked folder.
"""

from __future__ import annotations

import http.server
import io
import json
import re
import tarfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Spec = dict[str, Any]


@dataclass(frozen=True)
class Archives:
    """The archives by file name; `sources` is the folder of the handlers."""

    specs: dict[str, Spec]
    sources: Path

    def members(self, name: str) -> dict[str, bytes]:
        """Return the files inside the archive `name`."""
        spec = self.specs[name]
        sources = list(spec.get("files", []))
        handler = str(spec.get("handler", "")).split(":")[0].removesuffix(".py") + ".py"
        if (self.sources / handler).is_file():
            sources.insert(0, handler)
        members = {source: (self.sources / source).read_bytes() for source in sources}
        if "config" in spec:
            members["model-config.yaml"] = spec["config"].encode()
        if (manifest := self._manifest(name)) is not None:
            members["MAR-INF/MANIFEST.json"] = json.dumps(manifest, indent=2).encode()
        return members

    def packed(self, name: str) -> bytes:
        """Return the archive `name` as one file; the same sources always give the same bytes."""
        if "raw" in self.specs[name]:
            return str(self.specs[name]["raw"]).encode()
        members = self.members(name)
        return _tarred(members, name.removesuffix(".tar.gz")) if name.endswith(".tar.gz") else _zipped(members)

    def write(self, store: Path, remote: Path) -> None:
        """Put every archive in its place."""
        for name, spec in self.specs.items():
            target = (remote if spec.get("remote") else store) / name
            files = self.members(name) if name.endswith("/") else {"": self.packed(name)}
            for path, data in files.items():
                member = target / path
                member.parent.mkdir(parents=True, exist_ok=True)
                member.write_bytes(data)

    def _manifest(self, name: str) -> Spec | None:
        spec = self.specs[name]
        overrides = spec.get("manifest", {})
        if overrides is None:
            return None
        model = {
            "modelName": spec.get("name", Path(name).name.split(".")[0]),
            "handler": spec.get("handler"),
            "modelVersion": spec.get("version", "1.0"),
            "configFile": "model-config.yaml" if "config" in spec else None,
        }
        manifest = {
            "createdOn": "01/01/2025 00:00:00",
            "runtime": "python",
            "model": _without_nulls(model | spec.get("model", {})),
            "archiverVersion": "0.12.0",
        }
        return _without_nulls(manifest | overrides)


def _without_nulls(mapping: Spec) -> Spec:
    return {key: value for key, value in mapping.items() if value is not None}


def _tarred(members: dict[str, bytes], folder: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, data in members.items():
            info = tarfile.TarInfo(f"{folder}/{path}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return buffer.getvalue()


class Upstream(http.server.ThreadingHTTPServer):
    """The server that archives are downloaded from; /status/NNN/ answers NNN. Its loop runs on a thread of its own."""

    def __init__(self, archives: Archives) -> None:
        super().__init__(("127.0.0.1", 0), _UpstreamHandler)
        self.archives = archives
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _UpstreamHandler(http.server.BaseHTTPRequestHandler):
    server: Upstream

    def do_GET(self) -> None:
        name = urlsplit(self.path).path.lstrip("/")
        if status := re.match(r"status/(\d{3})/", name):
            self._reply(int(status[1]), b"")
        elif name in self.server.archives.specs:
            self._reply(200, self.server.archives.packed(name))
        else:
            self._reply(404, b"")

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the terminal for the results."""
