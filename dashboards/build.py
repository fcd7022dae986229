"""Which boards are there, and how do they become the JSON that Grafana imports?

`python dashboards/build.py` writes dashboards/*.json anew; `--check` only says whether they are as they would be written.
"""

import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import agent, auxiliary, closed, exporter, overview, ranking, smart_wait

BOARDS = [overview, agent, auxiliary, closed, smart_wait, ranking, exporter]
FOLDER = Path(__file__).parent


def written() -> dict[Path, str]:
    boards = [module.board().build() for module in BOARDS]
    text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode
    return {FOLDER / f"{board.uid.removeprefix('wolkvox-')}.json": text(board) + "\n" for board in boards}


def main() -> int:
    boards = written()
    if sys.argv[1:] == ["--check"]:
        there = {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
        wrong = [path for path in sorted(there | boards) if there.get(path) != boards.get(path)]
        for path in wrong:
            print(f"{path.name} is not what dashboards/build.py writes", file=sys.stderr)
        if wrong:
            print("hint: change the Python, never the JSON, and run dashboards/build.py", file=sys.stderr)
        return int(bool(wrong))
    for path in set(FOLDER.glob("*.json")) - set(boards):
        path.unlink()
    for path, text in boards.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
