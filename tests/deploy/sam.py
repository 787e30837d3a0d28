"""Runs the SAM translator over template.yaml, as CloudFormation would, and prints what comes out: `sam.py TEMPLATE`.

Run by the Python of the deploy environment. Nothing is asked of AWS.
"""

import json
import sys
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-not-found]  # lives in the deploy environment
from samtranslator.translator.translator import Translator  # type: ignore[import-not-found]  # the same
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-not-found]  # the same


def main(template: Path) -> None:
    """Translate one template; what the translator refuses, it raises."""
    source: dict[str, Any] = yaml_parse(template.read_text())
    translated = Translator({}, Parser()).translate(source, {})
    json.dump(translated, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
