"""Writes the boards that Grafana imports: dashboards/*.json in English, dashboards/es/*.json in Spanish.

`python dashboards/build.py` writes them anew; `--check` only says whether they are as they would be written.
"""

import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import words
from boards import agent, auxiliary, campaigns, closed, exporter, overview, quality, ranking, skills, smart_wait, wallboard

BOARDS = [overview, wallboard, agent, auxiliary, skills, campaigns, closed, smart_wait, quality, ranking, exporter]
FOLDER = Path(__file__).parent
FOLDERS = {"en": FOLDER, "es": FOLDER / "es"}


def written() -> dict[Path, str]:
    text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode
    files = {}
    for language, folder in FOLDERS.items():
        words.speak(language)
        for module in BOARDS:
            name = module.__name__.removeprefix("boards.").replace("_", "-")
            files[folder / f"{name}.json"] = text(module.board().build()) + "\n"
    return files


def main() -> int:
    boards = written()
    there = {path: path.read_text("utf-8") for folder in FOLDERS.values() for path in folder.glob("*.json")}
    if sys.argv[1:] == ["--check"]:
        wrong = [path for path in sorted(there | boards) if there.get(path) != boards.get(path)]
        for path in wrong:
            print(f"{path.relative_to(FOLDER)} is not what dashboards/build.py writes", file=sys.stderr)
        if wrong:
            print("hint: change the Python, never the JSON, and run dashboards/build.py", file=sys.stderr)
        return int(bool(wrong))
    for path in set(there) - set(boards):
        path.unlink()
    for path, text in boards.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
