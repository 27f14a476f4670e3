#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Embeds storage/sql: sql2c.py HEADER SOURCE FILE.sql...

Each file holds one statement. Its first line is `-- ROLE[,ROLE...]: purpose. $1 ..., $2 ...`, with roles
resolve, read, write, audit, seq, admin, or `fragment` alone for a piece that storage/search_sql.c joins.
"""
import os
import re
import sys

ROLES = ["resolve", "read", "write", "audit", "seq", "admin"]
HEAD = re.compile(r"^-- ([a-z]+(?:,[a-z]+)*): \S")


def load(path):
    name = os.path.basename(path)[: -len(".sql")]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        sys.exit(f"{path}: a statement's name is lower case")
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    head = HEAD.match(lines[0]) if lines else None
    if head is None:
        sys.exit(f"{path}:1: the first line is `-- ROLE[,ROLE]: purpose`")
    roles = 0
    for role in head.group(1).split(","):
        if role == "fragment":
            continue
        if role not in ROLES:
            sys.exit(f"{path}:1: no role {role}")
        roles |= 1 << ROLES.index(role)
    text = "\n".join(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("--"))
    text = text.rstrip().rstrip(";")
    if ";" in text:
        sys.exit(f"{path}: one statement a file")
    numbers = {int(n) for n in re.findall(r"\$(\d+)", text)}
    if roles != 0 and numbers != set(range(1, len(numbers) + 1)):
        sys.exit(f"{path}: parameters are numbered from $1 without gaps")
    return name, text, max(numbers, default=0), roles


def literal(text):
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(f'\t\t"{line}\\n"' for line in quoted.split("\n"))


def main():
    header, source, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    statements = sorted(load(path) for path in paths)
    with open(header, "w", encoding="utf-8") as out:
        out.write("/* Made by tools/build/sql2c.py from storage/sql. */\n")
        out.write("#ifndef STORAGE_STATEMENTS_H\n#define STORAGE_STATEMENTS_H\n\n")
        for number, role in enumerate(ROLES):
            out.write(f"#define SQL_FOR_{role.upper()} {1 << number}u\n")
        out.write("\nenum sql {\n")
        for name, _, _, _ in statements:
            out.write(f"\tSQL_{name.upper()},\n")
        out.write("\tSQL_COUNT\n};\n\n")
        out.write("struct sql_statement {\n\tconst char *name, *text;\n\tunsigned parameters, roles;\n};\n\n")
        out.write("/* Indexed by enum sql; `roles` is 0 for a fragment. */\n")
        out.write("extern const struct sql_statement sql_statements[SQL_COUNT + 1];\n\n#endif\n")
    with open(source, "w", encoding="utf-8") as out:
        out.write('/* Made by tools/build/sql2c.py from storage/sql. */\n#include "storage/statements.h"\n\n#include <stddef.h>\n\n')
        out.write('#pragma GCC diagnostic ignored "-Woverlength-strings"\n')
        out.write("const struct sql_statement sql_statements[SQL_COUNT + 1] = {\n")
        for name, text, count, roles in statements:
            out.write(f'\t{{ "{name}",\n{literal(text)},\n\t\t{count}, {roles}u }},\n')
        out.write("\t{ NULL, NULL, 0, 0 }\n};\n")


main()
