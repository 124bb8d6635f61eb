"""Write what `docs/` says about the records of the log: `python -m tools.log_schema`.

That is the JSON Schema, and the table of fields in `docs/logs.md`.
"""

import json
import re
import sys
from pathlib import Path

from bot.log.schema import field_table, record_schema

_DOCUMENTS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Write both."""
    schema = json.dumps(record_schema(), indent=2, ensure_ascii=False)
    (_DOCUMENTS / "logs.schema.json").write_text(f"{schema}\n", encoding="utf-8")
    page = _DOCUMENTS / "logs.md"
    text = page.read_text(encoding="utf-8")
    table = re.compile(r"\| field \| type \| meaning \|\n(\|.*\n)+")
    page.write_text(table.sub(lambda _: f"{field_table()}\n", text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
