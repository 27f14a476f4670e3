#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Embeds storage/migrations: migrations2c.py SOURCE FILE.sql...

before.sql and after.sql are run at every `maalehub migrate`, NNNN_name.sql once, in order. The files are cut into statements
here (comments, quotes and dollar quotes understood), so that the runner sends one statement a call.
"""
import hashlib
import os
import re
import sys

TOKEN = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|(\$\w*\$).*?\1|;|[^-'\"$;]+|.", re.S)


def statements(path, text):
    found, current = [], ""
    for token in TOKEN.finditer(text):
        if token.group(0) == ";":
            found.append(current.strip())
            current = ""
        elif not token.group(0).startswith("--"):
            current += token.group(0)
    if current.strip():
        sys.exit(f"{path}: the last statement has no end")
    if "" in found:
        sys.exit(f"{path}: an empty statement")
    return found


def literal(text):
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    lines = "\n".join(f'\t"{line}\\n"' for line in quoted.split("\n"))
    return f"\t({lines.lstrip()})"  # in parentheses: to clang a literal of several pieces among others looks like a comma that was forgotten


def main():
    source, paths = sys.argv[1], sys.argv[2:]
    numbered, always = [], {}
    with open(source, "w", encoding="utf-8") as out:
        out.write('/* Made by tools/build/migrations2c.py from storage/migrations. */\n#include "storage/migrations.h"\n\n')
        for path in sorted(paths, key=os.path.basename):
            name = os.path.basename(path)[: -len(".sql")]
            with open(path, encoding="utf-8") as file:
                text = file.read()
            found = statements(path, text)
            out.write(f"static const char *const text_{name}[] = {{\n" + ",\n".join(map(literal, found)) + ",\n};\n\n")
            digest = hashlib.sha256(text.encode()).hexdigest()
            match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)", name)
            row = f'"{name}", "{digest}", text_{name}, {len(found)} }}'
            if match:
                numbered.append((int(match.group(1)), f"{{ {int(match.group(1))}, {row}"))
            elif name in ("before", "after"):
                always[name] = f"{{ 0, {row}"
            else:
                sys.exit(f"{path}: a migration is called NNNN_name.sql")
        numbers = [number for number, _ in numbered]
        if numbers[:1] != [1] or numbers != sorted(set(numbers)) or len(always) != 2:
            sys.exit("storage/migrations: numbers ascend from 0001, each once, with before.sql and after.sql")
        out.write("const struct migration migrations[] = {\n" + "".join(f"\t{row},\n" for _, row in numbered) + "};\n")
        out.write(f"const size_t migration_count = {len(numbered)};\n")
        for name in ("before", "after"):
            out.write(f"const struct migration migration_{name} = {always[name]};\n")


main()
