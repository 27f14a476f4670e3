#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Embeds a text: embed.py SOURCE.c HEADER NAME FILE makes NAME_text and NAME_length, as HEADER declares them.

JSON is checked and written without white space.
"""
import json
import sys

source, header, name, path = sys.argv[1:5]
with open(path, encoding="utf-8") as file:
    text = file.read()
if path.endswith(".json"):
    text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) + "\n"
data = text.encode()
with open(source, "w", encoding="utf-8") as out:
    out.write(f'/* Made by tools/build/embed.py from {path.rsplit("/", 1)[-1]}. */\n#include "{header}"\n\n')
    out.write(f"const char {name}_text[] = {{\n")
    for at in range(0, len(data), 16):
        out.write("\t" + ", ".join(f"(char){byte}" for byte in data[at:at + 16]) + ",\n")
    out.write(f"\t0\n}};\nconst size_t {name}_length = sizeof({name}_text) - 1;\n")
