"""A stand-in for the W&B server, on a loopback port: it takes whole runs of the real wandb 0.31 and its wandb-core,
keeps what it was sent, and can fail in the ways a server fails. It is the one part of these tests that is not real: no
W&B server can be had without an account.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "k" * 40  # wandb wants 40 characters
_OPERATION = re.compile(r"(?m)^\s*(?:query|mutation)\s+(\w+)")


class Server(ThreadingHTTPServer):
    """fault: None, "500", "401", "slow" (a second for each answer), "black hole" (no answer), "drop" (the connection is
    cut). It holds for every request while it is set.
    """

    daemon_threads = True
    request_queue_size = 256  # wandb-core sends many files at once
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.lock = threading.Lock()
        self.fault: str | None = None
        self.runs: dict[str, dict[str, Any]] = {}
        self.streams: dict[str, dict[str, dict[int, str]]] = {}
        self.rewritten: list[tuple[str, str, int]] = []
        """Lines that were sent twice, with another content: (run, file, number)."""
        self.exit_codes: dict[str, int] = {}
        self.preempting: set[str] = set()
        self.uploads: dict[str, bytes] = {}
        self.artifacts: dict[str, dict[str, Any]] = {}
        self.used: list[str] = []
        self.stop_asked = False
        self.late_s = 0.0  # since the last rows, before any are listed
        self.taken_at: dict[str, float] = {}
        """As by the button on the page of a run."""
        self.known: Any = None
        """What else it answers to: a method for each operation, by its name."""
        self.asked = 0
        self.unknown: list[str] = []
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def variables(self, **more: str) -> dict[str, str]:
        """What a process is given to report here."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": KEY, "WANDB_MODE": "online", **more}

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that was killed

    # --- what it holds ---

    def lines(self, run: str, name: str) -> list[str]:
        kept = self.streams.get(run, {}).get(name, {})
        assert sorted(kept) == list(range(len(kept))), f"{name} has holes: {sorted(kept)}"
        return [kept[number] for number in sorted(kept)]

    def history(self, run: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines(run, "wandb-history.jsonl")]

    def updates(self, run: str, event: str) -> list[int]:
        """On the axis, of the rows of one event."""
        return [row["update"] for row in self.history(run) if row.get("row/event") == event]

    def summary(self, run: str) -> dict[str, Any]:
        kept = self.streams.get(run, {}).get("wandb-summary.json", {})
        return json.loads(kept[max(kept)]) if kept else {}

    def config(self, run: str) -> dict[str, Any]:
        return {key: entry["value"] for key, entry in json.loads(self.runs[run]["config"]).items() if key != "_wandb"}

    # --- GraphQL: an operation each ---

    def viewer(self, given: dict[str, Any]) -> Any:
        return {"viewer": {"id": "u", "name": "me", "entity": "me", "flags": "{}", "username": "me", "email": "m@e",
                           "admin": False, "teams": {"edges": []}, "apiKeys": {"edges": []}}}  # fmt: skip

    def serverfeaturesquery(self, given: dict[str, Any]) -> Any:
        return {"serverInfo": {"features": []}}

    def serverinfo(self, given: dict[str, Any]) -> Any:
        versions = {"max_cli_version": "9.0.0", "min_cli_version": "0.0.1"}
        return {"serverInfo": {"cliVersionInfo": versions, "latestLocalVersionInfo": None}}

    def organizationcoreweaveorganizationid(self, given: dict[str, Any]) -> Any:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def upsertbucket(self, given: dict[str, Any]) -> Any:
        id = given.get("name") or str(given["id"]).removeprefix("storage-")
        new = id not in self.runs
        run = self.runs.setdefault(id, {"config": "{}"})
        run.update({key: value for key, value in given.items() if value is not None})
        project = {"id": "p", "name": run.get("project") or "uncategorized", "entity": {"id": "e", "name": "me"}}
        bucket = {"id": f"storage-{id}", "name": id, "displayName": run.get("displayName") or id, "description": "",
                  "config": run["config"], "sweepName": run.get("sweep"), "project": project,
                  "historyLineCount": 0}  # fmt: skip
        return {"upsertBucket": {"bucket": bucket, "inserted": new}}

    def runresumestatus(self, given: dict[str, Any]) -> Any:
        id = given["name"]
        model: dict[str, Any] = {
            "id": "p",
            "name": given.get("project"),
            "entity": {"id": "e", "name": "me"},
            "bucket": None,
        }
        if (run := self.runs.get(id)) is not None:
            history, events = self.lines(id, "wandb-history.jsonl"), self.lines(id, "wandb-events.jsonl")
            model["bucket"] = {
                "id": f"storage-{id}", "name": id, "displayName": run.get("displayName") or id,
                "summaryMetrics": json.dumps(self.summary(id)), "logLineCount": len(self.lines(id, "output.log")),
                "historyLineCount": len(history), "eventsLineCount": len(events),
                "historyTail": json.dumps(history[-1:]), "eventsTail": json.dumps(events[-1:]),
                "config": run["config"], "tags": run.get("tags") or [], "notes": None,
                "wandbConfig": json.dumps({"t": 1}),
            }  # fmt: skip
        return {"model": model}

    def endofrun(self, given: dict[str, Any]) -> Any:
        late = time.monotonic() - self.taken_at.get(given["run"], -math.inf) < self.late_s
        history = [] if late else self.lines(given["run"], "wandb-history.jsonl")
        tail, summary = json.dumps(history[-1:]), json.dumps(self.summary(given["run"]))
        return {"model": {"bucket": {"historyTail": tail, "summaryMetrics": summary}}}

    def createrunfiles(self, given: dict[str, Any]) -> Any:
        files = [{"name": name, "uploadUrl": f"{self.url}/up/{given['run']}/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": f"storage-{given['run']}", "uploadHeaders": [], "files": files}}

    def artifacttype(self, given: dict[str, Any]) -> Any:
        return {"project": {"artifact": None}}

    def createartifact(self, given: dict[str, Any]) -> Any:
        name = given.get("artifactCollectionName") or (given.get("artifactCollectionNames") or ["?"])[0]
        id = f"art-{len(self.artifacts)}"
        aliases = [entry.get("alias") for entry in given.get("aliases") or []]
        self.artifacts[id] = {"name": name, "type": given.get("artifactTypeName"), "aliases": aliases,
                              "state": "PENDING", "metadata": given.get("metadata")}  # fmt: skip
        return {
            "createArtifact": {"artifact": {"id": id, "state": "PENDING", "artifactSequence": {"latestArtifact": None}}}
        }

    def _manifest(self, id: str, answer: str) -> Any:
        file = {"id": "mf", "uploadUrl": f"{self.url}/up/manifest/{id}", "uploadHeaders": []}
        return {answer: {"artifactManifest": {"id": f"man-{id}", "file": file}}}

    def createartifactmanifest(self, given: dict[str, Any]) -> Any:
        return self._manifest(given["artifactID"], "createArtifactManifest")

    def updateartifactmanifest(self, given: dict[str, Any]) -> Any:
        return self._manifest(given["artifactManifestID"].removeprefix("man-"), "updateArtifactManifest")

    def createartifactfiles(self, given: dict[str, Any]) -> Any:
        nodes = [
            {"storagePath": f"{file['artifactID']}/{file['name']}", "uploadHeaders": [], "uploadMultipartUrls": None,
             "uploadUrl": f"{self.url}/up/art/{file['artifactID']}/{file['name']}",
             "artifact": {"id": file["artifactID"]}}
            for file in given["artifactFiles"]
        ]  # fmt: skip
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def commitartifact(self, given: dict[str, Any]) -> Any:
        self.artifacts[given["artifactID"]]["state"] = "COMMITTED"
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": "d"}}}

    def artifactbyid(self, given: dict[str, Any]) -> Any:
        kept = self.artifacts[given["id"]]
        project = {"id": "p", "internalId": "1", "name": "p", "entity": {"name": "me"}}
        sequence = {"__typename": "ArtifactSequence", "name": kept["name"], "project": project}
        fields = {"description": None, "metadata": "{}", "ttlDurationSeconds": -2, "ttlIsInherited": True, "tags": [],
                  "historyStep": None, "state": kept["state"], "size": 0, "digest": "d", "commitHash": None,
                  "fileCount": 0,
                  "createdAt": "2026-01-01T00:00:00", "updatedAt": None, "aliases": [], "versionIndex": 0,
                  "digestAlgorithm": "MANIFEST_MD5"}  # fmt: skip
        artifact = {"__typename": "Artifact", "id": given["id"], "artifactSequence": sequence,
                    "artifactType": {"name": kept["type"]}}  # fmt: skip
        return {"artifact": artifact | fields}

    def useartifact(self, given: dict[str, Any]) -> Any:
        self.used.append(given["artifactID"])
        return {
            "useArtifact": {"artifact": {"id": given["artifactID"], "digest": "d", "description": "", "metadata": "{}"}}
        }

    def notifyscriptablerunalert(self, given: dict[str, Any]) -> Any:
        return {"notifyScriptableRunAlert": {"success": True}}


@contextmanager
def serving(port: int = 0, into: Server | None = None) -> Iterator[Server]:
    """Within: it answers. into: one that was stopped; it goes on, on its port, with what it holds."""
    server = Server(port if into is None else into.server_address[1])
    if into is not None:
        kept = {
            "fault",
            "runs",
            "streams",
            "exit_codes",
            "preempting",
            "uploads",
            "artifacts",
            "used",
            "unknown",
            "bodies",
        }
        server.__dict__.update({key: into.__dict__[key] for key in kept | {"rewritten"}})
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *words: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionResetError, BrokenPipeError):
            self.close_connection = True

    def do_GET(self) -> None:
        self._body()
        if not self._fails():
            self._answer({})

    def do_PUT(self) -> None:
        body = self._body()
        if not self._fails():
            self.server.uploads[self.path] = body
            self._answer({})

    def do_POST(self) -> None:
        body = self._body()
        self.server.asked += 1
        if self._fails():
            return
        given = json.loads(body)
        with self.server.lock:
            self.server.bodies.append(body)
            if self.path.endswith("/file_stream"):
                self._take_stream(self.path.split("/")[-2], given)
                answer: Any = {"exitcode": None, "limits": {}, "stopped": self.server.stop_asked}
            else:
                answer = self._operate(given)
        self._answer(answer)

    def _take_stream(self, run: str, given: dict[str, Any]) -> None:
        for name, chunk in (given.get("files") or {}).items():
            kept = self.server.streams.setdefault(run, {}).setdefault(name, {})
            for number, line in enumerate(chunk["content"], chunk["offset"]):
                if name == "wandb-history.jsonl" and kept.get(number, line) != line:
                    self.server.rewritten.append((run, name, number))
                kept[number] = line
            self.server.taken_at[run] = time.monotonic()
        if given.get("preempting"):
            self.server.preempting.add(run)
        if given.get("complete"):
            self.server.exit_codes[run] = given.get("exitcode")

    def _operate(self, given: dict[str, Any]) -> Any:
        found = _OPERATION.search(given["query"])
        name = found.group(1) if found else "?"
        variables = given.get("variables") or {}
        operation = getattr(self.server, name.lower(), None) or getattr(self.server.known, name, None)
        if operation is None:
            self.server.unknown.append(name)
            return {"data": {}, "errors": [{"message": f"unknown operation {name}"}]}
        return {"data": operation({**variables, **(variables.get("input") or {})})}

    def _fails(self) -> bool:
        fault = self.server.fault
        if fault is not None and fault.startswith("rows "):  # and the status: of the stream of rows alone
            fault = fault.removeprefix("rows ") if self.path.endswith("/file_stream") else None
        if fault == "slow":
            time.sleep(1.0)
        elif fault == "black hole":
            while self.server.fault == "black hole":
                time.sleep(0.05)
            self.close_connection = True
        elif fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault is not None:
            self._answer({"error": "injected"}, int(fault))
        return fault not in (None, "slow")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b""
            while length := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        encoding = self.headers.get("Content-Encoding", "")
        return gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body) if encoding == "deflate" else body

    def _answer(self, content: Any, code: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
