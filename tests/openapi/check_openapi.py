#!/usr/bin/env python3
"""Checks the OpenAPI description: size, references, examples and identifiers.

check_openapi.py openapi.json

Needs the package jsonschema. The form itself is checked by openapi-spec-validator.
"""

import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator, FormatChecker

STATUSES = {"400", "401", "403", "404", "405", "409", "412", "413", "415", "421", "422", "503", "507"}


def walk(node, path=""):
    """Returns each dictionary of the document with its path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from walk(value, f"{path}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from walk(value, f"{path}/{number}")


def main():
    text = pathlib.Path(sys.argv[1]).read_text()
    doc = json.loads(text)
    problems = []
    if len(text.encode()) >= 96_000:
        problems.append("96 KB or more")
    if any((len(line) - len(line.lstrip(" "))) % 2 for line in text.splitlines()):
        problems.append("not formatted with 2 spaces")

    used, examples, ids, statuses = set(), 0, [], set()
    for path, node in walk(doc):
        if "$ref" in node:
            used.add(node["$ref"])
        if "operationId" in node:
            ids.append(node["operationId"])
            statuses |= set(node["responses"])
        if "example" in node and "schema" in node:
            examples += 1
            schema = node["schema"] | {"components": doc["components"]}
            validator = Draft202012Validator(schema, format_checker=FormatChecker())
            for error in validator.iter_errors(node["example"]):
                problems.append(f"{path}: {error.json_path}: {error.message}")
        if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node:
            problems.append(f"{path}: not closed")
        if "type" in node and "required" in node and "properties" in node:
            problems += [f"{path}: required, but not described: {name}"
                         for name in set(node["required"]) - set(node["properties"])]
    for kind, members in doc["components"].items():
        for name in members:
            if kind != "securitySchemes" and f"#/components/{kind}/{name}" not in used:
                problems.append(f"unused: {kind}/{name}")
    problems += [f"not in snake_case: {name}" for name in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)]
    if len(ids) != len(set(ids)):
        problems.append("the operationIds are not unique")
    if STATUSES - statuses:
        problems.append(f"no operation has the statuses {sorted(STATUSES - statuses)}")

    print("\n".join(problems) if problems else "no problems")
    print(f"{len(text.encode())} bytes, {len(doc['paths'])} paths, {len(ids)} operations, {examples} examples")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
