"""How work gathers on an event loop: what lies in its sockets already is let in before anything is done about it."""

import asyncio
from collections.abc import Sized


async def all_here(waiting: Sized, most: int, turns: int) -> None:
    """Return once so many turns of the loop bring no more into `waiting`, or `most` are there.

    `turns`: those that pass between bytes that have come and the request made of them. It waits for
    nothing that is not here yet.
    """
    seen = 0
    while seen < len(waiting) < most:
        seen = len(waiting)
        for _ in range(turns):
            await asyncio.sleep(0)
