import pytest

from bench.simulation import CAPTCHA, LIMIT, Run, Simulation

PROCESSES = 100
SECONDS = 1_800


@pytest.fixture(scope="module")
def run() -> Run:
    """An hour of a hundred processes that share one rate limit; for 100 seconds of it the provider wants a captcha."""
    return Simulation(seed=1).simulate(PROCESSES, SECONDS)


def test_all_processes_together_keep_the_pace(run: Run) -> None:
    assert run.shortest_gap >= LIMIT.min_interval
    # What is lost beside the captcha is the time that a permit takes to be seen and taken.
    assert len(run.permits) > 0.95 * (SECONDS - (CAPTCHA[1] - CAPTCHA[0]) - 2 * LIMIT.cooldown)


def test_no_process_is_starved(run: Run) -> None:
    fair = len(run.permits) / PROCESSES
    assert min(run.permits_of[number] for number in range(PROCESSES)) > fair / 3
    assert max(run.permits_of.values()) < fair * 3


def test_a_captcha_is_met_by_the_first_find_and_one_probe_a_cool_down(run: Run) -> None:
    assert run.captchas == 2  # 60 and 120 seconds: the second cool-down outlasts a captcha of 100
    assert run.recovery < 2 * LIMIT.cooldown + 10 * LIMIT.min_interval
