"""The image for real: `make image-test`. Not a part of `make test`: it needs root and podman."""

import json
from typing import Any

import pytest
import urllib3

from tests.deploy.manifests import SECRET, compose, on_lambda
from tests.deploy.tools import ROOT
from tests.image.conftest import TOKEN, Running, Servers, Start
from tests.image.podman import Container, Podman, variables
from tests.servers.process import free_port, wait_for
from tests.servers.secrets_manager import holding, secrets_manager_with
from tests.system.rabbitmq.crowd import crowd


def test_no_secret_that_lay_about_and_no_installer_got_in(podman: Podman, image: str) -> None:
    names = "[name for top in ('/opt', '/usr') for _, _, names in os.walk(top) for name in names]"
    find = f"import os; print([name for name in {names} if name.startswith('.env') or name == 'pip'])"
    assert podman("run", "--rm", "--entrypoint", "python", image, "-c", find) == "[]"


def test_without_settings_it_names_every_one_that_is_missing(podman: Podman, image: str) -> None:
    ended = podman.run("run", "--rm", "--read-only", image, "serve")
    assert ended.returncode == 2
    assert "APP_SECRET_KEYS" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_function_has_few_rights_answers_its_probes_looks_a_person_up_and_ends_cleanly(
    start: Start, found: list[dict[str, Any]]
) -> None:
    function = start("serve")
    _has_few_rights(function.container)
    _answers_every_probe(function)
    first, second = (_post(function, found[0]["request"]) for _ in range(2))
    assert (first.status, first.json()["inn"], first.json()["cached"]) == (200, found[0]["inn"], False), first.data
    assert second.json()["cached"]
    _ends_within_its_grace(function)


def test_the_consumer_has_few_rights_answers_its_probes_looks_a_person_up_and_ends_cleanly(
    start: Start, servers: Servers, found: list[dict[str, Any]]
) -> None:
    consumer = start("consume")
    _has_few_rights(consumer.container)
    _answers_every_probe(consumer)
    with crowd(servers.node.uri, "inn") as customers:
        customers.sends({"requestId": "q-1", **found[1]["request"]})
        [[reply]] = customers.got(1).values()
    assert (reply["inn"], reply["requestId"], reply["cached"]) == (found[1]["inn"], "q-1", False)
    done = consumer.container.run("inn", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    _ends_within_its_grace(consumer)


def _has_few_rights(inside: Container) -> None:
    """It is not root, and writes nowhere but in /tmp."""
    who = inside.python("import os; print(os.getuid(), os.getgid(), open('/proc/1/status').read())").stdout
    assert who.startswith("10001 10001")
    assert "CapEff:\t0000000000000000" in who
    assert "NoNewPrivs:\t1" in who
    for place in ("/opt/inn/x", "/x", "/var/x"):
        assert "Error" in inside.python(f"open({place!r}, 'w')").stderr
    assert inside.python("open('/tmp/x', 'w')").returncode == 0


def _answers_every_probe(running: Running) -> None:
    assert [running.get(path).status for path in ("/livez", "/readyz", "/metrics")] == [200] * 3


def test_the_function_serves_as_lambda_would_run_it(podman: Podman, image: str, servers: Servers) -> None:
    port = str(free_port())
    manifest = {name: value for name, value in on_lambda().environment.items() if value != SECRET}
    own = {"HTTP_PORT": port, "AWS_LWA_PORT": port, "CLIENT_NALOG_URL": servers.settings["CLIENT_NALOG_URL"]}
    with secrets_manager_with(holding(servers.lambda_secret)) as (url, asked):
        role = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": url, "AWS_REGION": "eu-central-1"}
        # Any user, no rights, and nothing to write but /tmp.
        options = ["--user=993:990", "--cap-drop=ALL", "--read-only", *variables({**manifest, **own, **role})]
        with podman.container(image, options, []) as container:
            function = Running(container, int(port), grace=2)
            wait_for(function.ready, within=60, what="the function is ready")
            assert function.get(manifest["AWS_LWA_READINESS_CHECK_PATH"]).status == 200
            assert len(asked) == 1


@pytest.mark.parametrize(("service", "path"), [("emulator", "/stats"), ("playground", "/")])
def test_the_emulated_services_of_compose_run_from_the_image(
    podman: Podman, image: str, service: str, path: str
) -> None:
    described, port = compose()["services"][service], free_port()
    environment = {**described.get("environment", {}), "HTTP_PORT": str(port)}
    entrypoint = ["--entrypoint", json.dumps(described["entrypoint"])] if "entrypoint" in described else []
    options = ["--cap-drop=ALL", "--read-only", "--tmpfs", described["tmpfs"][0], *entrypoint, *variables(environment)]
    arguments = [argument.replace("8080", str(port)) for argument in described["command"].split()]
    with podman.container(image, options, arguments) as container:
        running = Running(container, port, grace=10)
        wait_for(lambda: running.answers(path), within=60, what=f"the {service} answers")
        assert container.stop(running.grace)[0] == 0


def test_its_size_is_told(podman: Podman, image: str, stand_ins: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    base = "docker.io/library/python:" + (ROOT / "Dockerfile").read_text().partition("library/python:")[2].split()[0]
    size, ground = podman.size(image), podman.size(base)
    with capsys.disabled():
        print(f"\nimage: {size / 1e6:.0f} MB, of which {(size - ground) / 1e6:.0f} MB are ours")  # noqa: T201  # the report
        print(f"stand-ins for: {', '.join(stand_ins) or 'nothing'}")  # noqa: T201  # the same
    assert size - ground < 150e6


def _post(function: Running, request: dict[str, Any]) -> urllib3.BaseHTTPResponse:
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = {"requestId": "h-1", **request}
    return urllib3.request("POST", f"http://127.0.0.1:{function.port}/", json=body, headers=headers, timeout=60)


def _ends_within_its_grace(running: Running) -> None:
    status, took = running.container.stop(running.grace)
    assert status == 0, running.container.log()
    assert took < running.grace / 2
