import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from function import inn
from tests.servers.process import free_port
from tests.servers.programs import on_path
from tests.system.local.conftest import QUICK, LocalRuntime, ended
from tests.system.personal import seen, values
from tests.system.process import BIN, ROOT, Process

PERSON = {
    "requestId": "r-1",
    "lastName": "Кузнецова",
    "firstName": "Дарья",
    "middleName": "Олеговна",
    "birthDate": "1991-11-30",
    "birthPlace": "деревня Малые Вязы",
    "documentSerial": "4611",
    "documentNumber": "735281",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRuntime]:
    """One whose tax service is asked for one person."""
    with ended(LocalRuntime(tmp_path_factory.mktemp("plain"))) as runtime:
        yield runtime


def test_the_readme_s_command_is_printed_and_works_when_pasted_and_the_second_answer_is_cached(
    plain: LocalRuntime,
) -> None:
    on_path("curl")
    curl = plain.greeting[plain.greeting.index("curl") :].split("\n\n")[0]
    assert curl.replace(plain.url, "http://127.0.0.1:8080") in (ROOT / "README.md").read_text()
    first, second = (json.loads(subprocess.check_output(["/bin/sh", "-c", curl])) for _ in range(2))
    assert first["status"] == "found"
    assert inn.is_valid(first["inn"])
    assert (first["cached"], second["cached"]) == (False, True)
    assert second["inn"] == first["inn"]
    assert plain.tax_service.stats().finds == 1
    kept = next(line for line in plain.greeting.splitlines() if ".inn-local" in line)
    assert "in clear text, so ask for invented persons only; make clean deletes it" in kept


@pytest.mark.parametrize(("method", "path", "status"), [("TRACE", "/", 405), ("GET", "/robots.txt", 404)])
def test_what_the_host_would_turn_away_itself_is_a_problem_too(
    plain: LocalRuntime, method: str, path: str, status: int
) -> None:
    response = urllib3.request(method, plain.url + path, retries=False)
    assert (response.status, response.headers["content-type"]) == (status, "application/problem+json")
    assert response.json()["detail"].startswith("expected POST")


def test_fifty_at_once_for_one_new_person_are_one_find(tmp_path: Path) -> None:
    with ended(LocalRuntime(tmp_path)) as runtime, ThreadPoolExecutor(50) as clients:
        runtime.tax_service.control(latency=0.2)
        replies = list(clients.map(lambda n: runtime.ask({**PERSON, "requestId": f"r-{n}"}).json(), range(50)))
        assert runtime.tax_service.stats().finds == 1
    assert [reply["requestId"] for reply in replies] == [f"r-{n}" for n in range(50)]
    assert {(reply["status"], reply["inn"]) for reply in replies} == {("found", replies[0]["inn"])}


def test_ctrl_c_and_sigterm_end_it_all_with_status_0_and_answers_outlive_it(tmp_path: Path) -> None:
    with ended(LocalRuntime(tmp_path)) as first:
        answer = first.ask(PERSON).json()
        assert first.end(signal.SIGINT) == 0
        assert seen(values(PERSON), [first.errors]) == []
        for url in (first.url, first.tax_service.url):
            with pytest.raises(urllib3.exceptions.NewConnectionError):
                urllib3.request("GET", url, retries=False)
    with ended(LocalRuntime(tmp_path)) as second:
        again = second.ask(PERSON).json()
        assert (again["inn"], again["cached"]) == (answer["inn"], True)
        assert second.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_reads_how_to_end_it_can_do_so_at_once(tmp_path: Path, number: signal.Signals) -> None:
    command, environment = [str(BIN / "inn"), "local"], {**os.environ, **QUICK}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if line.startswith("Ctrl-C"))
        process.send_signal(number)
        process.communicate()
    assert process.returncode == 0


def refusal(folder: Path, port: str, *arguments: str) -> tuple[int, str]:
    """The exit status of `inn local`, called so, and what it says before it ends without having started."""
    command = [str(BIN / "inn"), "local", *arguments]
    settings = {"HTTP_PORT": port}
    refused = subprocess.run(command, check=False, cwd=folder, env=settings, capture_output=True, text=True)
    assert refused.stdout == ""
    return refused.returncode, refused.stderr


def test_what_keeps_it_from_starting_is_one_clear_line(plain: LocalRuntime, tmp_path: Path) -> None:
    port = plain.url.rpartition(":")[2]
    in_use = f"inn: port {port} on 127.0.0.1 is in use: end what listens there, or set HTTP_PORT to another\n"
    assert refusal(tmp_path, port) == (2, in_use)
    # In the emulator's process this file is found before the package.
    (tmp_path / "local_runtime.py").touch()
    status, said = refusal(tmp_path, "0")
    assert status == 1
    assert said.endswith("\ninn: the emulated tax service did not start; it says why above\n")
    status, said = refusal(tmp_path, "0", "--data", "local_runtime.py")
    assert status == 2
    assert said.startswith("inn: nothing can be kept in local_runtime.py: it is not a folder; name a folder that ")


def test_where_tokens_are_set_the_command_asks_for_one(tmp_path: Path) -> None:
    with ended(LocalRuntime(tmp_path, HTTP_TOKENS="secret-token")) as runtime:
        assert 'authorization: Bearer $TOKEN"' in runtime.greeting
        assert "secret-token" not in runtime.greeting
        assert runtime.ask(PERSON).status == 401


def test_the_frameworks_own_command_serves_it_with_nothing_installed(tmp_path: Path) -> None:
    port = str(free_port())
    source = str(ROOT / "local_runtime" / "entry.py")
    command = ["functions-framework", "--source", source, "--target", "inn", "--host", "127.0.0.1", "--port", port]
    process = Process(command, tmp_path, {**QUICK, "HTTP_PORT": port})
    try:
        process.answers("/readyz", 200)
        answers = [process.pool.request("POST", process.url, json=PERSON).json() for _ in range(2)]
        assert [(inn.is_valid(answer["inn"]), answer["cached"]) for answer in answers] == [(True, False), (True, True)]
        assert (tmp_path / ".inn-local" / "answers.sqlite").exists()
    finally:
        process.end(signal.SIGTERM)
