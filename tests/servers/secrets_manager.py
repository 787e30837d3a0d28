"""A stand-in of AWS Secrets Manager: answers whatever it is asked with the replies that it is given, and keeps what it was asked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

Reply = tuple[int, bytes]


class _Handler(BaseHTTPRequestHandler):
    replies: list[Reply]
    requests: list[bytes]

    def do_POST(self) -> None:
        """Answer one request; the last reply is given again and again."""
        self.requests.append(self.rfile.read(int(self.headers["content-length"])))
        status, reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.send_response(status)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Nothing: the base class writes to stderr."""


@contextmanager
def secrets_manager_with(*replies: Reply) -> Iterator[tuple[str, list[bytes]]]:
    """Its address, and the bodies of the requests to it."""

    class Handler(_Handler):
        pass

    Handler.replies, Handler.requests = list(replies), []
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", Handler.requests
        finally:
            server.shutdown()
            thread.join()


def holding(secret: Mapping[str, object] | str) -> Reply:
    """The reply of a secret that holds these settings, or this text."""
    text = secret if isinstance(secret, str) else json.dumps(secret)
    return 200, json.dumps({"ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:inn-a", "SecretString": text}).encode()
