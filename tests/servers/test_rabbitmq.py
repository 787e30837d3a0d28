import time
from pathlib import Path

import pika  # type: ignore[import-untyped]  # it comes without types
import psutil

from tests.servers.process import wait_for
from tests.servers.rabbitmq import Node

QUEUE = "kept"


def test_what_was_confirmed_outlives_a_kill_and_nothing_of_the_node_does(node: Node) -> None:
    with pika.BlockingConnection(pika.URLParameters(node.uri)) as connection:
        before = connection.channel()
        before.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        declared = time.time()
        before.confirm_delivery()
        before.basic_publish("", QUEUE, b"there", pika.BasicProperties(delivery_mode=2), mandatory=True)
    node.registered(declared)
    node.kill()
    try:
        wait_for(lambda: not running_for(node), within=60, what="the end of all that the node started")
    finally:
        node.start()
    with pika.BlockingConnection(pika.URLParameters(node.uri)) as connection:
        after = connection.channel()
        _, _, body = next(after.consume(QUEUE, auto_ack=True, inactivity_timeout=60))
        after.queue_delete(QUEUE)
    assert body == b"there"


def running_for(node: Node) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if process_belongs_to(process, node.folder)]


def process_belongs_to(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("HOME") == str(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
