"""`inn serve`: the CloudEvents HTTP function as a production process."""

from adapters import telemetry
from adapters.composition.http_function import function
from adapters.composition.run_process import exit_if_threads_remain, run_until_signal
from adapters.config.addresses import is_loopback
from adapters.config.settings import load_core
from adapters.http.server import Server, listen, run

GRACE_SEC = 5.0  # added to a lookup's deadline: the time limit of requests in progress after SIGTERM


def serve() -> None:
    """Serve the HTTP function with production settings (the environment, or .env).

    Example: HTTP_HOST=0.0.0.0 inn serve
    """
    core = load_core()
    with (
        listen(core.http.host, core.http.port) as listener,
        telemetry.start(core.app.name, core.log.level) as observer,
        function(core, observer) as (endpoint, servers),
    ):
        if not core.http.bearer_tokens and not is_loopback(core.http.host):
            observer.event("open_to_everybody", variable="HTTP_TOKENS", host=core.http.host)
        server = Server(endpoint.serve, listener, core.http.lookup_deadline_sec + GRACE_SEC)
        run(run_until_signal(server, servers, core.app.start_timeout_sec, observer))
    exit_if_threads_remain()
