"""structlog, imported without rich: the pipeline that every log line passes.

structlog imports rich where it is installed, for tracebacks in colours. Ours are told by place and
never by text, so rich would draw nothing, and importing it takes longer than all else of structlog.
"""

from collections.abc import Sequence

from adapters.runtime.imports import without
from adapters.telemetry.lines import Line

with without("rich"):
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
        if "about" in line:
            line = {**line.pop("about").facts, **line, "ms": round(line["ms"], 2)}
        return coloured(logger, level, line)

    return rendered
