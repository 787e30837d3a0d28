"""structlog, imported without rich: the pipeline that every log line passes.

structlog imports rich where it is installed, for tracebacks in colours. Ours are told by place and
never by text, so rich would draw nothing, and importing it takes longer than all else of structlog.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from adapters.telemetry.lines import Line


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """While it lasts, a package that was not imported yet can't be; afterwards it can, as before."""
    if package in sys.modules:
        yield
        return
    # So the import system itself notes a module that must not be found: importing it is an ImportError.
    sys.modules[package] = None  # type: ignore[assignment]  # typed as if it held modules only
    try:
        yield
    finally:
        del sys.modules[package]


with _hidden("rich"):
    import structlog
    from structlog.typing import FilteringBoundLogger, Processor, ProcessorReturnValue


def pipeline(lines: object, level: int, processors: Sequence[Processor]) -> FilteringBoundLogger:
    """A logger whose lines from `level` on pass the processors and end in `lines`, which has a method a level.

    Nothing global is set: whoever else uses structlog in this process has its own.
    """
    wrapper = structlog.make_filtering_bound_logger(level)
    logger: FilteringBoundLogger = structlog.wrap_logger(lines, processors, wrapper).bind()
    return logger


def console() -> Processor:
    """A processor, the last: a line in colours, for people."""
    coloured = structlog.dev.ConsoleRenderer(sort_keys=False, timestamp_key="time")

    def rendered(logger: object, level: str, line: Line) -> ProcessorReturnValue:
        if "ms" in line:
            line["ms"] = round(line["ms"], 2)
        return coloured(logger, level, line)

    return rendered
