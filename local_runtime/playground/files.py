"""The page's own files: plain ones, no build step. Nothing is loaded from anywhere else, and the policy sees to it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def routes() -> Iterator[Route]:
    """The page at `/`, and what it loads."""
    for path in sorted(PAGE.iterdir()):
        if path.suffix in TYPES:
            yield Route("/" if path.name == "index.html" else f"/playground/{path.name}", _view(path), methods=["GET"])


def _view(path: Path) -> Callable[[Request], Response]:
    def view(_request: Request) -> Response:
        return Response(path.read_bytes(), headers={**HEADERS, "content-type": TYPES[path.suffix]})

    return view
