"""A checkout as a user has it, in which what the documents show is run: a local runtime, and a consumer with its servers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import openpyxl

from tests.deploy.tools import HOME
from tests.docs.shown import ROOT, values_of_the_page
from tests.servers.mongod import Mongo
from tests.servers.process import free_port, wait_for
from tests.servers.programs import on_path
from tests.servers.rabbitmq import Node
from tests.system.local.conftest import LocalRuntime, ended
from tests.system.process import START_SEC, Process, settings_of
from tests.system.rabbitmq.crowd import crowd

SOURCE = "documented"
LINKS = (
    *("Makefile", "requirements", "pyproject.toml", ".env.example", "docker-compose.yaml", "template.yaml"),
    *("adapters", "deploy", "local_runtime"),
)
SERVES = re.compile(r"(?:^|[ /])(inn (?:serve|consume|local)\b|functions-framework )")  # runs until it is ended
PEOPLE = (
    ("Фамилия", "Имя", "Отчество", "Дата рождения", "Паспорт"),
    ("Иванова", "Анна", "Петровна", "15.07.1990", "45 11 123456"),
)
"""A table of the reader's, for whoever names one and does not make it."""
MAKE_RUN = ("/usr/bin/env", "make", "--old-file=.venv/.run", "run")
"""As it stands, but that a change of the dependencies does not set up the environment that this very test runs in."""

_DOCKER = """\
#!/bin/sh
# What is to run in a container of ours runs here, with the consumer's settings; the rest needs an engine.
how="$1 $2"
[ "$how" = "compose exec" ] || [ "$how" = "compose run" ] || exit 0
shift 2
while [ "${1#-}" != "$1" ]; do shift; done
shift
# The image's entry point.
[ "$how" = "compose run" ] && set -- inn "$@"
exec "$@"
"""
_KUBECTL = f"""\
#!/bin/sh
# There is no cluster: what would be sent to one is made and checked here, and what is to run in a pod runs here.
kubectl={HOME / "bin/kubectl"}
case "$*" in
  *" exec "*)
    while [ "$1" != -- ]; do shift; done
    shift
    exec "$@" ;;
  *" get pods "*) echo pod/inn-consumer-1; exit ;;
  *" debug "* | *" wait "* | *" delete "* | *" logs "* | *" get secret "* | *" port-forward "*) exit ;;
  *create*) exec $kubectl "$@" --dry-run=client -o json ;;
  "label "*) exit ;;
esac
exit 1
"""
_HELM = f'#!/bin/sh\n# The same.\nshift 2\nexec {HOME / "bin/helm"} template "$@"\n'
_STAND_INS = {"docker": _DOCKER, "kubectl": _KUBECTL, "helm": _HELM}
_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


@dataclass(frozen=True)
class Stage:
    """`folder` is the checkout, `settings` those of production."""

    folder: Path
    settings: Mapping[str, str]
    local: LocalRuntime

    def run(self, script: str, typed: str = "") -> tuple[int, str]:
        """Run it to its end, on a terminal where somebody types this. Returns the exit status and what came out."""
        if SERVES.search(script):
            return self._serve(script), ""
        command = ["bash", "-euo", "pipefail", "-c", self.localized(script)]
        done = subprocess.run(
            [sys.executable, "-c", _TERMINAL, *command] if typed else command,
            cwd=self.folder,
            env=self._environment(script),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _serve(self, script: str) -> int:
        """Run what serves until it is ready, and end it in order; returns the exit status."""
        port = str(free_port())
        here = self.localized(script).replace("--port 8080", f"--port {port}")
        # functions-framework reads PORT.
        environment = {**self._environment(script), "HTTP_PORT": port, "PORT": port}
        served = Process(["/bin/bash", "-c", here], self.folder, environment)
        try:
            served.answers("/readyz", 200)
        finally:
            status = served.end(signal.SIGTERM)
        return status

    def localized(self, script: str) -> str:
        """The script with the addresses and the folder that exist on this machine."""
        places = {
            "http://127.0.0.1:8080": self.local.url,
            "amqps://user:password@broker/": self.settings["RABBITMQ_DSN"],
            "amqp://guest:guest@127.0.0.1:5672/": self.settings["RABBITMQ_DSN"],
            "/tmp/inn": str(self.folder / "data"),  # noqa: S108  # what a help names
        }
        for shown, real in places.items():
            script = script.replace(shown, real)
        return script

    def _environment(self, script: str) -> dict[str, str]:
        # Nothing of the machine's own that could be a setting.
        path = f"{self.folder / 'programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        bare = {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC", **self.settings}
        return bare if "--amqp" in script else {**bare, "INN_URL": self.local.url}


@contextmanager
def staged(folder: Path, mongo: Mongo, node: Node) -> Iterator[Stage]:
    """All of it. Two messages are sent that end among the parked ones: no request, and one that nobody answers."""
    on_path("bash", "curl", "make", "openssl")
    _check_out(folder)
    with ExitStack() as stack:
        local = LocalRuntime(folder, command=MAKE_RUN)
        stack.enter_context(ended(local, signal.SIGTERM))
        local.tax_service.control(latency=0, pending=0)
        settings = {
            **settings_of(SOURCE, mongo, local.tax_service, node),
            # In place of the example's, which a page's `cp .env.example .env` brings, and a start refuses.
            "RABBITMQ_PASS": "not-the-example's",
            "MONGO_PASS": "not-the-example's",
            # For the one that is shown not to be there.
            "MONGO_TIMEOUT_SERVER_SELECT": "1000",
            "APP_REQUEST_RETRY_SEC": "0.1",
            "CLIENT_NALOG_WAIT_SEC": "0.05",
        }
        consumer = Process(["inn", "consume"], folder, {**settings, "HTTP_PORT": str(free_port())})
        stack.callback(consumer.end, signal.SIGTERM)
        consumer.answers("/readyz", 200)
        nobody = next(person["request"] for person in local.tax_service.people() if person["id"] == "unavailable")
        with crowd(node.uri, SOURCE) as customers:
            for body in (b"{", {**nobody, "requestId": "7f9c"}):
                customers.sends(body, reply_to=None)
            wait_for(lambda: customers.waiting(".dead") == 2, within=START_SEC, what="two parked messages")
        yield Stage(folder, settings, local)


def _check_out(folder: Path) -> None:
    for name in LINKS:
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    for name in ("IN.csv", "people.csv"):
        (folder / name).write_text("\n".join(map(";".join, PEOPLE)))
    book = openpyxl.Workbook()
    for row in PEOPLE:
        book.worksheets[0].append(row)
    book.save(folder / "people.xlsx")
    (folder / "values.yaml").write_text(values_of_the_page()[0])
    programs = folder / "programs"
    programs.mkdir()
    for name in (*_STAND_INS, "aws", "yc", "mongodump", "mongorestore"):
        (programs / name).write_text(_STAND_INS.get(name, "#!/bin/sh\n"))
        (programs / name).chmod(0o755)
