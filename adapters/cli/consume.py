"""`inn consume`: the RabbitMQ consumer as a production process, with its probes."""

from adapters import telemetry
from adapters.composition.consumer import consumer_process
from adapters.composition.run_process import exit_if_threads_remain, run_until_signal
from adapters.config.settings import load_all
from adapters.http.probes import Probes
from adapters.http.server import Server, listen, run

PROBE_GRACE_SEC = 2.0  # time limit of probes in progress at the end: longer than one waits for its first results


def consume() -> None:
    """Answer requests from RabbitMQ with production settings (the environment, or .env).

    Example: RABBITMQ_DSN=amqps://user:password@broker/ inn consume
    """
    core, rabbit = load_all()
    with (
        listen(core.http.host, core.http.port) as listener,
        telemetry.start(core.app.name, core.log.level) as observer,
        consumer_process(core, rabbit, observer) as process,
    ):
        probes = Server(Probes(process.checks, observer).serve, listener, PROBE_GRACE_SEC)
        run(run_until_signal(probes, process.servers, core.app.start_timeout_sec, observer, process.consumer.run))
    exit_if_threads_remain()
