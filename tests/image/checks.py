"""The image for real: `make image-test`. Not a part of `make test`: it needs root and podman."""

import json
from typing import Any
from urllib.parse import quote

import pytest
import urllib3

from tests.deploy.manifests import SECRET, compose, on_lambda
from tests.deploy.tools import ROOT
from tests.image.conftest import START_SEC, TOKEN, Servers, Start
from tests.image.podman import Container, Podman
from tests.image.stand_in import LABEL
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
    start: Start, servers: Servers
) -> None:
    function = start("serve")
    _has_few_rights_and_answers_its_probes(function)
    person = servers.found[0]
    first, second = (_post(function, person["request"]) for _ in range(2))
    assert (first.status, first.json()["inn"], first.json()["cached"]) == (200, person["inn"], False), first.data
    assert second.json()["cached"]
    function.ends_within_its_grace()


def test_the_consumer_has_few_rights_answers_its_probes_looks_a_person_up_and_ends_cleanly(
    start: Start, servers: Servers
) -> None:
    consumer = start("consume")
    _has_few_rights_and_answers_its_probes(consumer)
    person = servers.found[1]
    with crowd(servers.node.uri, "inn") as customers:
        customers.sends({"requestId": "q-1", **person["request"]})
        [[reply]] = customers.got(1).values()
    assert (reply["inn"], reply["requestId"], reply["cached"]) == (person["inn"], "q-1", False)
    done = consumer.run("inn", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    consumer.ends_within_its_grace()


def _has_few_rights_and_answers_its_probes(inside: Container) -> None:
    """It is not root, and writes nowhere but in /tmp."""
    who = inside.run("python", "-c", "import os; print(os.getuid(), os.getgid(), open('/proc/1/status').read())").stdout
    assert who.startswith("10001 10001")
    assert "CapEff:\t0000000000000000" in who
    assert "NoNewPrivs:\t1" in who
    for place in ("/opt/inn/x", "/x", "/var/x"):
        assert "Error" in inside.run("python", "-c", f"open({place!r}, 'w')").stderr
    assert inside.run("python", "-c", "open('/tmp/x', 'w')").returncode == 0
    assert all(inside.answers(path) for path in ("/livez", "/readyz", "/metrics"))


def test_the_function_serves_as_lambda_would_run_it(podman: Podman, image: str, servers: Servers) -> None:
    port, given = str(free_port()), servers.settings
    manifest = {name: value for name, value in on_lambda().environment.items() if value != SECRET}
    # Its secret knows MongoDB by its address as a whole.
    login = f"{quote(given['MONGO_USER'], safe='')}:{quote(given['MONGO_PASS'], safe='')}"
    dsn = f"mongodb://{login}@{given['MONGO_HOST']}/?authSource=admin&replicaSet={given['MONGO_RS']}"
    secret = {"MONGO_DSN": dsn, **{name: given[name] for name in ("APP_SECRET_KEYS", "HTTP_TOKENS")}}
    with secrets_manager_with(holding(secret)) as (url, asked):
        role = {"AWS_ENDPOINT_URL_SECRETS_MANAGER": url, "AWS_REGION": "eu-central-1"}
        own = {"HTTP_PORT": port, "AWS_LWA_PORT": port, "CLIENT_NALOG_URL": given["CLIENT_NALOG_URL"]}
        # Any user, no rights, and nothing to write but /tmp.
        options = ["--user=993:990", "--cap-drop=ALL", "--read-only"]
        with podman.container(image, options, [], {**manifest, **own, **role}, grace=2) as function:
            wait_for(function.answers, within=START_SEC, what="the function is ready")
            assert function.answers(manifest["AWS_LWA_READINESS_CHECK_PATH"])
            assert len(asked) == 1


@pytest.mark.parametrize(("service", "path"), [("emulator", "/stats"), ("playground", "/")])
def test_the_emulated_services_of_compose_run_from_the_image(
    podman: Podman, image: str, service: str, path: str
) -> None:
    described, port = compose()["services"][service], str(free_port())
    environment = {**described.get("environment", {}), "HTTP_PORT": port}
    entrypoint = ["--entrypoint", json.dumps(described["entrypoint"])] if "entrypoint" in described else []
    options = ["--cap-drop=ALL", "--read-only", "--tmpfs", described["tmpfs"][0], *entrypoint]
    arguments = described["command"].replace("8080", port).split()
    with podman.container(image, options, arguments, environment, grace=10) as container:
        wait_for(lambda: container.answers(path), within=START_SEC, what=f"the {service} answers")
        container.ends_within_its_grace()


def test_its_size_is_told(podman: Podman, image: str, capsys: pytest.CaptureFixture[str]) -> None:
    base = "docker.io/library/python:" + (ROOT / "Dockerfile").read_text().partition("library/python:")[2].split()[0]
    size, ground = (int(podman("image", "inspect", "--format", "{{.Size}}", name)) for name in (image, base))
    labelled = podman("images", "--filter", f"label={LABEL}", "--format", "{{.Repository}}").split()
    stand_ins = [name for name in labelled if name not in (image.split(":", maxsplit=1)[0], "<none>")]
    with capsys.disabled():
        print(f"\nimage: {size / 1e6:.0f} MB, of which {(size - ground) / 1e6:.0f} MB are ours")  # noqa: T201  # the report
        print(f"stand-ins for: {', '.join(stand_ins) or 'nothing'}")  # noqa: T201  # the same
    assert size - ground < 150e6


def _post(function: Container, request: dict[str, Any]) -> urllib3.BaseHTTPResponse:
    headers = {"authorization": f"Bearer {TOKEN}"}
    body = {"requestId": "h-1", **request}
    return urllib3.request("POST", f"http://127.0.0.1:{function.port}/", json=body, headers=headers, timeout=60)
