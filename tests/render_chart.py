"""Renders a chart with Helm's own code, once for each set of values in the JSON list on standard input.

Prints a JSON list with, for each set, what came of every template, or why nothing did, and what `helm lint --strict` says.
"""

import json
import sys

import helm_python

chart_path, release = sys.argv[1:]


def rendered(chart: helm_python.Chart, values: dict) -> dict:
    lint = helm_python.lint(chart_path, values, strict=True, namespace="watch")
    found = {"errors": lint["errors"], "messages": [found["error"] for found in lint["messages"] if found["severity"] > 1]}
    try:
        found["templates"] = chart.render(values, name=release, namespace="watch", is_install=True)
    except helm_python.HelmError as error:
        found["refused"] = str(error)
    return found


with helm_python.Chart.load(chart_path) as chart:
    json.dump([rendered(chart, values) for values in json.load(sys.stdin)], sys.stdout)
