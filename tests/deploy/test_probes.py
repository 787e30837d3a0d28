"""Whoever probes asks the paths that the processes answer, on the port that they listen on."""

import re

import pytest

from adapters.http.probes import FIRST_WAIT_SEC, Probes
from tests.deploy.manifests import PLACES, VALUES, compose, pods, rendered
from tests.deploy.tools import ROOT


class _NoMetrics:
    exposition_type = "text/plain"

    def exposition(self) -> bytes:
        return b""

    def record_check(self, name: str, *, ready: bool) -> None:
        pass


ANSWERED = set(Probes({}, _NoMetrics()).by_path())


@pytest.mark.parametrize("place", PLACES)
def test_probes_ask_what_is_answered_where_it_is_answered(place: str) -> None:
    for process in PLACES[place]():
        assert process.probes
        assert set(process.probes) <= ANSWERED
        assert set(process.probes.values()) == {int(process.environment["HTTP_PORT"])}


@pytest.mark.parametrize("place", [place for place in PLACES if place != "lambda"])
def test_a_process_that_is_probed_from_outside_listens_on_every_address(place: str) -> None:
    assert {process.environment["HTTP_HOST"] for process in PLACES[place]()} == {"0.0.0.0"}  # noqa: S104  # in a container


@pytest.mark.parametrize("values", VALUES)
def test_a_server_that_is_down_makes_no_pod_dead_and_restarts_none_at_its_start(values: str) -> None:
    for _, pod in pods(rendered(values)):
        [container] = pod["containers"]
        asked = {kind: container[kind]["httpGet"]["path"] for kind in container if kind.endswith("Probe")}
        assert asked.pop("readinessProbe") == "/readyz"
        assert set(asked.values()) == {"/livez"}
        assert container["readinessProbe"]["timeoutSeconds"] > FIRST_WAIT_SEC, "the first check takes as long"
    assert {process.environment["APP_START_TIMEOUT_SEC"] for process in PLACES[values]()} == {"0"}


def test_the_image_says_the_same_of_itself() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    port = re.findall(r"HTTP_PORT=(\d+)", dockerfile)
    assert re.findall(r"^EXPOSE (\d+)", dockerfile, re.MULTILINE) == port
    [healthcheck] = re.findall(r"^HEALTHCHECK .*\\\n.*", dockerfile, re.MULTILINE)
    assert set(re.findall(r"/\w+z\b", healthcheck)) == {"/livez"}
    assert "HTTP_PORT" in healthcheck


def test_compose_waits_longer_for_a_probe_than_the_first_look_takes() -> None:
    for name in ("function", "consumer"):
        healthcheck = compose()["services"][name]["healthcheck"]
        [asked] = re.findall(r"timeout=(\d+)", healthcheck["test"][-1])
        assert float(healthcheck["timeout"].removesuffix("s")) > float(asked) > FIRST_WAIT_SEC
