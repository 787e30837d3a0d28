"""A stand-in of a cluster's API server: it knows the kinds that it is given, and one Secret of a version that can be set."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.deploy.manifests import NAMESPACE, Object


@contextmanager
def cluster_with_secret(name: str, version: str, known: Sequence[Object]) -> Iterator[str]:
    """Its address."""
    answers = _discovery(known)
    answers[f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}"] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "resourceVersion": version},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer what it knows; the rest is not found."""
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer or {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            self.send_response(200 if answer else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the base class writes to stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _discovery(known: Sequence[Object]) -> dict[str, Any]:
    kinds = {("v1", "Secret"), *((one["apiVersion"], one["kind"]) for one in known)}
    answers: dict[str, Any] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "groups": []},
    }
    for version in {version for version, _ in kinds}:
        listed = [
            {"name": f"{kind.lower()}s", "namespaced": True, "kind": kind, "verbs": ["get"]}
            for of, kind in sorted(kinds)
            if of == version
        ]
        place = f"/{'api' if version == 'v1' else 'apis'}/{version}"
        answers[place] = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
        if version != "v1":
            group, _, number = version.partition("/")
            versions = [{"groupVersion": version, "version": number}]
            answers["/apis"]["groups"].append({"name": group, "versions": versions})
    return answers
