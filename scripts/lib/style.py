"""style: the rules of the house that can be read off the text. Prints one line per fault: FILE:LINE: what, next step.

Exit code 0 always: scripts/check judges by the output. Run from the root of the project.
"""

import json
import os
import re
import subprocess
import sys

FUNCTION_LINES = 60
FILE_LINES = 500

# Functions that may be longer, each with its reason. Empty is the goal: "file.c:function": "why".
LONG_FUNCTIONS = {}

# An outside header and the only places that may include it (tests may all). A place is a folder or a file.
HEADERS = {
    r"openssl/": ["common/base/bytes.c", "common/base/secret.c", "common/merkle/", "common/x509/", "common/cms/",
                  "common/keystore/", "common/seal/", "common/net/"],
    r"(libpq-fe|libpq/.*|postgres.*)\.h": ["orchestrator/db/", "orchestrator/cluster/"],
    r"nghttp2/": ["common/net/"],
    r"curl/": ["common/net/"],
    r"yaml\.h": ["common/config/"],
}

# SQL in C strings, with the reason: the migrator and the first run speak to a database that has no tables yet, so the
# catalogue cannot be prepared there.
SQL_PLACES = ("orchestrator/db/migrate", "orchestrator/cluster/", "tests/")

# Layers of the orchestrator: a room uses rooms of lower layers only, never one of its own (ground excepted).
LAYERS = [
    ["db", "cluster", "ca", "policy", "access"],
    ["audit"],
    ["application", "inventory", "fleet"],
    ["planner", "approval", "issue", "dispatch"],
    ["api", "agent_api"],
    ["app"],
]

# Spelled in halves, so that this file does not complain about itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|tmp/te" r"am)/")
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE " r'KEY-----(\\n|["\s])+[A-Za-z0-9+/=:, -]{30,}')
CLOCK_IN_SQL = re.compile(r"\b(now\s*\(|current_(timestamp|date|time)\b|local(time|timestamp)\b|"
                          r"(clock|statement|transaction)_timestamp\s*\()", re.I)
SQL_IN_C = re.compile(r"^\s*(SELECT\s+.*|INSERT\s+INTO\b.*|UPDATE\s+\w+\s+SET\b.*|DELETE\s+FROM\b.*|"
                      r"WITH\s+\w+\s+AS\b.*|TRUNCATE\s+\w+.*)$", re.S)
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
LINK = re.compile(r"\]\(([^)\s]+)\)")
TEXT = (".c", ".h", ".sql", ".md", ".yaml", ".yml", ".py", ".txt", ".cmake", ".json", ".def", ".sh", ".csv", ".run")


def complain(path, line, what):
    print(f"{path}:{line}: {what}")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        return None


def is_text(path):
    return path.endswith(TEXT) or "." not in os.path.basename(path)


def blank_comments(text):
    """Comments of C or SQL as spaces: lines stay where they were."""
    pattern = r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|//[^\n]*'
    keep = lambda m: m.group(0) if m.group(0).startswith('"') else re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(pattern, keep, text, flags=re.S)


def check_words(path, text):
    for pattern, what in (
        (UNFINISHED, "unfinished work: finish it, or open an issue and say what is"),
        (MACHINE_PATHS, "a path of one machine: make it relative or a parameter"),
        (PRIVATE_KEY, "a private key: generate it at run time"),
    ):
        for match in pattern.finditer(text):
            complain(path, line_of(text, match.start()), what)


def check_size(path, text):
    lines = text.count("\n")
    if lines > FILE_LINES:
        complain(path, lines, f"{lines} lines, at most {FILE_LINES}: split it by subject")


def check_functions(files):
    if not files:
        return
    command = ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "--languages=C", "--langmap=C:+.h",
               "-f", "-", "-L", "-"]
    out = subprocess.run(command, input="\n".join(files), capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        tag = json.loads(line)
        length = tag.get("end", tag["line"]) - tag["line"] + 1
        if length > FUNCTION_LINES and f"{tag['path']}:{tag['name']}" not in LONG_FUNCTIONS:
            complain(tag["path"], tag["line"], f"{tag['name']}() has {length} lines, at most {FUNCTION_LINES}")


def check_caption(path, text):
    stem = os.path.basename(path)[:-2]
    first = text.split("\n", 1)[0]
    if not re.match(rf"/\* {re.escape(stem)}: \S", first):
        complain(path, 1, f"the first line is not the caption '/* {stem}: what it does ...'")
    if "#pragma once" not in text:
        complain(path, 1, "no #pragma once")


def check_includes(path, code):
    if path.startswith("tests/"):
        return
    for match in re.finditer(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", code, re.M):
        for header, places in HEADERS.items():
            if re.match(header, match.group(1)) and not any(path.startswith(place) for place in places):
                complain(path, line_of(code, match.start()),
                         f"{match.group(1)} belongs to {', '.join(places)}: use their headers")


def check_c(path, text):
    code = blank_comments(text)
    check_size(path, text)
    check_includes(path, code)
    for match in re.finditer(r"\bND" r"EBUG\b", code):
        complain(path, line_of(code, match.start()), "contracts stay in every build: use TG_CHECK")
    if "/include/" in path:
        check_caption(path, text)
    if re.search(r"_test\.c$|_fuzz\.c$", path) and not re.search(r"^// uses:", "\n".join(text.split("\n")[:4]), re.M):
        complain(path, 1, "no line '// uses: ROOM... | libs: LIB...' within the first four: the build reads it")
    if path.startswith(SQL_PLACES):
        return
    for match in STRING.finditer(code):
        if SQL_IN_C.match(match.group(1)):
            complain(path, line_of(code, match.start()), "SQL in a C string: it lives in schema/queries/<room>/<verb>.sql")


def check_query(path, text):
    lines = text.split("\n")
    if not re.match(r"-- [A-Z].*", lines[0]):
        complain(path, 1, "the first line is not a caption '-- What it does.'")
    if len(lines) < 2 or not lines[1].startswith("-- params:"):
        complain(path, 2, "the second line is not '-- params: name type, ...'")
    code = re.sub(r"--[^\n]*", "", text)
    for match in CLOCK_IN_SQL.finditer(code):
        complain(path, line_of(code, match.start()), f"{match.group(0)}: time is a parameter")


def check_links(path, text):
    text = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S | re.M)
    for match in LINK.finditer(text):
        target = match.group(1).split("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        if not os.path.exists(os.path.join(os.path.dirname(path), target)):
            complain(path, line_of(text, match.start()), f"{target} does not exist")


def rooms_in_order():
    text = read("CMakeLists.txt") or ""
    lists = re.findall(r"set\(TAMGA_(?:COMMON|ORCHESTRATOR)([^)]*)\)", text)
    return [name for each in lists for name in each.split()]


def check_arrows(path, text, order):
    call = re.search(r"tamga_room\((\w+)([^)]*)\)", text)
    if call is None:
        return
    name, rest = call.groups()
    uses = re.search(r"\bUSES\b(.*?)(\bLIBS\b|$)", rest, re.S)
    uses = uses.group(1).split() if uses else []
    if name not in order:
        if not path.startswith(("tests/", "agents/", "cli/")):
            complain(path, 1, f"room {name} is not listed in the root CMakeLists.txt")
        return
    layer = {room: i for i, rooms in enumerate(LAYERS) for room in rooms}
    for used in uses:
        if used not in order or order.index(used) >= order.index(name):
            complain(path, 1, f"{name} uses {used}, which does not come before it")
        elif layer.get(used, -1) >= layer.get(name, 0) > 0 and layer[name] != len(LAYERS) - 1:
            complain(path, 1, f"{name} uses {used}: arrows run downwards, never sideways")


def check_file(path, order):
    if path.endswith((".p12", ".pfx", ".key", ".jks")) and not path.startswith("tests/fuzz/corpus/"):
        complain(path, 1, "a key file: tests make keys at run time")
    if path.startswith("tests/fuzz/corpus/") or path == "LICENSE" or not is_text(path):
        return
    text = read(path)
    if text is None:
        complain(path, 1, "not UTF-8")
        return
    check_words(path, text)
    if path.endswith((".c", ".h")):
        check_c(path, text)
    elif path.startswith("schema/queries/") and path.endswith(".sql"):
        check_query(path, text)
    elif path.endswith(".md"):
        check_links(path, text)
    elif path.endswith("CMakeLists.txt"):
        check_arrows(path, text, order)


def main():
    files = subprocess.run(["scripts/lib/files"], capture_output=True, text=True, check=True).stdout.splitlines()
    order = rooms_in_order()
    for path in files:
        check_file(path, order)
    check_functions([path for path in files if path.endswith((".c", ".h"))])


if __name__ == "__main__":
    sys.exit(main())
