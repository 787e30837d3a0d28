"""Several processes with one store ask one tax service: they behave as one. Times are the emulator's own.

With INN_TEST_FULL set the numbers are those of a rehearsal.
"""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from function.outcomes import Status
from local_runtime.emulator.client import Emulator
from tests.adapters.providers.nalog import replica
from tests.adapters.providers.nalog.replica import Job
from tests.system.mongodb.world import count

REPLICAS = 3


def shared_out(job: Job) -> Counter[str]:
    """The job's persons, dealt to all replicas; how the lookups ended."""
    return replica.run([replace(job, persons=job.persons[i::REPLICAS]) for i in range(REPLICAS)])


def test_however_often_and_wherever_a_person_is_asked_for_there_is_one_find(emulator: Emulator, tmp_path: Path) -> None:
    persons, times = count(100, 1000), 10
    everything = list(range(persons)) * times
    random.Random(7).shuffle(everything)
    endings = shared_out(Job(emulator.url, str(tmp_path / "store"), everything, threads=4))
    assert endings.total() == persons * times
    assert set(endings) <= {Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS}
    stats = emulator.stats()
    assert stats.finds == persons
    assert {stats.of(key) for key in stats.persons} == {1}


def test_pace_cool_down_and_probe_are_shared(emulator: Emulator, tmp_path: Path) -> None:
    lookups, before_captcha = count(30, 300), count(15, 200)
    pace, cooldown, answer = 0.05, 0.6, 0.3
    # The second probe, which meets no captcha, has its answer after a while.
    slow = {"on": "search", "after": before_captcha + 2, "times": 1, "delay": answer}
    emulator.control(captcha_after=before_captcha, captcha_for=2, rules=[slow])
    endings = shared_out(
        Job(
            emulator.url, str(tmp_path / "store"), list(range(lookups)), threads=4, min_interval=pace, cooldown=cooldown
        )
    )
    assert endings.total() == lookups
    assert set(endings) <= {Status.FOUND, Status.NOT_FOUND, Status.AMBIGUOUS}
    stats = emulator.stats()
    times, (first, second) = stats.searched, stats.closings
    # Two were turned away and asked again; nobody else was asked for twice.
    assert len(times) == lookups + 2

    # At most the pace, in sum. A request may come late, but not before its turn.
    before = [time for time in times if time <= first]
    assert before[-1] - before[0] >= (len(before) - 1) * pace - answer

    # Who was on the way when the captcha came may still arrive. Then nobody asks.
    assert sum(first < time < first + cooldown for time in times) < REPLICAS
    # One probe, which meets the second captcha: the next cool-down is twice as long.
    assert sum(first + cooldown <= time < second + 2 * cooldown for time in times) == 1
    # One probe again. The others wait until it has its answer.
    probe, *after = [time for time in times if time >= second + 2 * cooldown]
    assert after[0] >= probe + answer
    assert len(after) > REPLICAS
