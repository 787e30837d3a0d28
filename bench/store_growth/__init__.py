"""What `find` costs as answers become many, and what they take on disk and in memory.

`python -m bench.store_growth [--answers 1000000] [--json]`: a private mongod with 10,000 answers in one
database and so many in another. Finds in both take turns, so that whatever else the machine does
hits both alike.
"""

from bench.store_growth.measuring import FEW, measured
from bench.store_growth.report import report

__all__ = ["FEW", "MANY", "measured", "report"]

MANY = 1_000_000
