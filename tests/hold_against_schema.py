"""Holds instances against a JSON Schema. Prints, per instance of the list on standard input, what is wrong or nothing."""

import json
import sys

from jsonschema import Draft7Validator

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)
for instance in json.load(sys.stdin):
    errors = sorted(validator.iter_errors(instance), key=lambda error: str(error.path))
    print("; ".join(f"{error.json_path}: {error.message}" for error in errors).replace("\n", " "))
