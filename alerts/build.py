"""Builds the files that Prometheus loads from the rules that there are in two languages, and from the thresholds.

`python3 alerts/build.py` writes them anew; `--check` only says whether they are as they would be written. It needs nothing but Python.

alerts/en, alerts/es    the alerts, of alerts/source/*.yml, where each text stands in both languages
alerts/by-operation.yml which threshold counts for which operation, of the names in alerts/thresholds.yml
alerts/holidays.yml     the dates of alerts/source/holidays.py
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.dont_write_bytecode = True
FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER / "source"))

import holidays  # noqa: E402

# Where the runbook and Grafana are, until somebody says where theirs are: the command stands in alerts/README.md.
RUNBOOKS = "http://runbook.invalid"
GRAFANA = "http://127.0.0.1:3000"
LANGUAGES = {
    "en": {"runbook": "RUNBOOK.md", "board": "wolkvox-{}"},
    "es": {"runbook": "RUNBOOK.es.md", "board": "wolkvox-{}-es"},
}
WRITTEN = "# Written by alerts/build.py of {}: change that, not this.\n"
# Thresholds that no operation can have for itself: they are about an exporter.
COMMON = {"restarts_per_hour"}
# Lists of states, which alerts/recording.yml looks up by operation and state.
OF_STATES = {"planned_state", "state_means"}


class Missing(Exception):
    """A text that there is in one language only."""


# === the alerts in a language ===


def links(alert: str, board: str, language: str) -> Iterator[str]:
    names = LANGUAGES[language]
    yield f"          runbook_url: {RUNBOOKS}/{names['runbook']}#{alert.lower()}"
    name, _, labels = board.partition("?")
    variables = "&".join(f"var-{label}={{{{ $labels.{label} | urlquery }}}}" for label in labels.split("&") if label)
    url = f"{GRAFANA}/d/{names['board'].format(name)}"
    yield f"          dashboard_url: {url}?{variables}" if variables else f"          dashboard_url: {url}"


def in_language(source: str, language: str) -> Iterator[str]:
    """The lines of a source, of which those in the other language are left out."""
    alert, board, text, speaks = "", "", "", ""
    there: dict[str, set[str]] = {}
    for line in [*source.splitlines(), ""]:
        if comment := re.fullmatch(r"( *)# (en|es): (.*)", line):
            indent, spoken, said = comment.groups()
            if spoken == language:
                yield f"{indent}# {said}"
            continue
        if re.match(r" *#", line):
            raise Missing(f"{alert}: a comment that is in no language: {line.strip()}")
        if text and not line.startswith(" " * 10):
            # The end of an alert's annotations, and of the alert.
            for name in ("summary", "description"):
                if there.get(name) != set(LANGUAGES):
                    raise Missing(f"{alert}: {name} is in {sorted(there.get(name, ()))}")
            yield from links(alert, board, language)
            text, there = "", {}
        if found := re.fullmatch(r"      - alert: (\w+)", line):
            alert = found[1]
        if found := re.fullmatch(r"        board: (\S+)", line):
            board = found[1]
        elif found := re.fullmatch(r"          (summary|description):", line):
            text = found[1]
        elif text and (found := re.fullmatch(r"            (en|es): (.+)", line)):
            speaks = found[1]
            there.setdefault(text, set()).add(speaks)
            if speaks == language:
                yield f"          {text}: {found[2]}"
        elif text and line.startswith(" " * 14):
            if speaks == language:
                yield line[2:]
        else:
            yield line


# === a threshold for each operation ===


def thresholds() -> list[str]:
    names = re.findall(r"^      - record: wolkvox:threshold:(\w+)$", (FOLDER / "thresholds.yml").read_text("utf-8"), re.M)
    return [name for name in dict.fromkeys(names) if name not in COMMON | OF_STATES]


BY_OPERATION = """\
# Which threshold counts for which operation: its own, or else the common one?
groups:
  - name: wolkvox-by-operation
    interval: 1m
    rules:
      # Those that an exporter watches. It shows the interval of each report also while there are no data.
      - record: operation:wolkvox_operation:known
        expr: group by (operation) (wolkvox_report_interval_seconds)
"""
THRESHOLD = """\
      - record: operation:wolkvox_threshold:{name}
        expr: |
          max by (operation) (wolkvox:threshold:{name}{{operation!=""}}) and on (operation) operation:wolkvox_operation:known
          or operation:wolkvox_operation:known * scalar(wolkvox:threshold:{name}{{operation=""}})
"""

# === holidays ===

HOLIDAYS = """\
# On which dates have the countries their national holidays? They are days off for nobody until thresholds.yml says for which
# operations: wolkvox:calendar:country. Holidays of a region or a town are not among them.
groups:
  - name: wolkvox-holidays
    interval: 1m
    rules:
"""


def dates() -> Iterator[str]:
    for country in holidays.COUNTRIES:
        for day, name in holidays.of_country(country):
            labels = f'{{ country: {country}, date: "{day:%Y%m%d}" }}'
            yield f"      # {name}\n      - {{ record: wolkvox:calendar:holiday, expr: vector(1), labels: {labels} }}\n"


# === files ===


def written() -> dict[Path, str]:
    files = {
        FOLDER / "by-operation.yml": WRITTEN.format("alerts/thresholds.yml")
        + BY_OPERATION
        + "".join(THRESHOLD.format(name=name) for name in thresholds()),
        FOLDER / "holidays.yml": WRITTEN.format("alerts/source/holidays.py") + HOLIDAYS + "".join(dates()),
    }
    for path in sorted((FOLDER / "source").glob("*.yml")):
        for language in LANGUAGES:
            lines = in_language(path.read_text("utf-8"), language)
            text = "\n".join(lines).rstrip("\n") + "\n"
            files[FOLDER / language / path.name] = WRITTEN.format(f"alerts/source/{path.name}") + text
    return files


def main() -> int:
    try:
        files = written()
    except Missing as missing:
        print(f"{missing}\nhint: every text and comment of alerts/source/ stands there in English and in Spanish", file=sys.stderr)
        return 1
    if sys.argv[1:] == ["--check"]:
        there = {path: path.read_text("utf-8") for path in files if path.exists()}
        there |= {path: "" for language in LANGUAGES for path in (FOLDER / language).glob("*.yml") if path not in files}
        wrong = [path for path in sorted(there | files) if there.get(path) != files.get(path)]
        for path in wrong:
            print(f"{path.relative_to(FOLDER.parent)} is not what alerts/build.py writes", file=sys.stderr)
        if wrong:
            print("hint: change what it is written of, and run alerts/build.py", file=sys.stderr)
        return int(bool(wrong))
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
