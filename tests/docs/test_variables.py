"""No variable of the environment is read that nobody is told of."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ = re.compile(r'(?:environ(?:\.get\(|\[)|getenv\(|variables\.get\()"(\w+)"')
"""`variables` is what adapters.config.environment has read, by names in small letters."""
TOLD = ["README.md", "CONTRIBUTING.md", ".env.example", *map(str, (ROOT / "docs").glob("*.md"))]


def test_every_variable_that_is_read_is_told_of() -> None:
    sources = [path.read_text() for folder in ("adapters", "local_runtime") for path in (ROOT / folder).rglob("*.py")]
    names = {name.upper() for source in sources for name in READ.findall(source)}
    told = "\n".join((ROOT / name).read_text() for name in TOLD)
    assert "RABBITMQ_SOURCE_QUEUE_NAME" in names
    assert {name for name in names if name not in told} == set()
