"""Reads an exposition from standard input as strictly as its standard demands, and prints its samples.

`strict_openmetrics.py [text]`: the first line is the number of samples, the others are the samples, sorted, one
JSON list [name, labels, value] a line. Ends with a traceback and status 1 where the text breaks a rule.
"""

import json
import sys

if sys.argv[1:] == ["text"]:
    from prometheus_client.parser import text_string_to_metric_families
else:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

text = sys.stdin.buffer.read().decode("utf-8")
samples = sorted(
    json.dumps([sample.name, dict(sorted(sample.labels.items())), sample.value], ensure_ascii=False)
    for family in text_string_to_metric_families(text)
    for sample in family.samples
)
print(len(samples))
sys.stdout.reconfigure(encoding="utf-8")
print("\n".join(samples))
