"""Renders a chart with Helm's own code, once for each set of values in the JSON list on standard input.

Prints as JSON which files the chart holds, and for each set: what came of every template or why nothing did, and what
`helm lint --strict` finds. With `record` as its third argument also how long the record is that Helm keeps of such a release.
"""

import base64
import gzip
import json
import sys

import helm_python

CHART, RELEASE, *MORE = sys.argv[1:]
# Helm's degrees: 0 unknown, 1 info, 2 warning, 3 error.
WARNING = 2


def kept(files: list) -> list:
    return [{"name": file["name"], "data": base64.b64encode(file["data"].encode()).decode()} for file in files]


def record_bytes(chart: helm_python.Chart, values: dict, manifests: dict) -> int:
    """Of the JSON of chart, values and manifests, packed and written in letters, as it goes into a Secret."""
    schema = base64.b64encode(json.dumps(chart.schema).encode()).decode()
    parts = {"metadata": chart.metadata, "templates": kept(chart.templates), "values": chart.values, "schema": schema, "files": kept(chart.files)}
    record = json.dumps({"chart": parts, "config": values, "manifest": "\n---\n".join(manifests.values())})
    return len(base64.b64encode(gzip.compress(record.encode())))


def rendered(chart: helm_python.Chart, values: dict) -> dict:
    found = helm_python.lint(CHART, values, strict=True)
    faults = found["errors"] + [message["error"] for message in found["messages"] if message["severity"] >= WARNING]
    try:
        manifests = chart.render(values, name=RELEASE, namespace="watch", is_install=True)
    except helm_python.HelmError as error:
        return {"faults": faults, "refused": str(error)}
    length = record_bytes(chart, values, manifests) if MORE == ["record"] else 0
    return {"faults": faults, "templates": manifests, "record_bytes": length}


with helm_python.Chart.load(CHART) as chart:
    json.dump({
        "files": {file["name"]: file["data"] for file in chart.files},
        "cases": [rendered(chart, values) for values in json.load(sys.stdin)],
    }, sys.stdout)
