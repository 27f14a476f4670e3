# SPDX-License-Identifier: AGPL-3.0-or-later
"""openapi/pcd01.md, the page for vendors: it names each refusal and each warning that the sources can say, and its example is taken without a word."""
import re
import subprocess

from hub import BUILD, ROOT

PAGE = (ROOT / "openapi/pcd01.md").read_text()
SAYS = re.compile(r"\b(?:fail_at|row_warn|refuse|outcome_at|outcome_fail)\(")
LITERALS = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*')
PARTS = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text, start):
    """What stands between the brackets that open before `start`."""
    depth, at, quoted = 1, start, False
    while depth:
        byte = text[at]
        if quoted and byte == "\\":
            at += 1
        elif byte == '"':
            quoted = not quoted
        elif not quoted:
            depth += (byte == "(") - (byte == ")")
        at += 1
    return text[start:at - 1]


def said():
    """Every sentence of the parser, the reading and the door: (file, sentence)."""
    files = [path for path in sorted((ROOT / "fhir/hl7").glob("*.c")) if path.name not in ("explain.c", "soap.c")]
    for path in [*files, ROOT / "server/interaction/pcd01.c"]:
        text = path.read_text()
        for call in SAYS.finditer(text):
            for literal in LITERALS.findall(arguments(text, call.end())):
                sentence = "".join(PARTS.findall(literal)).replace("\\\\", "\\").replace('\\"', '"')
                if " " in sentence:
                    yield path.name, sentence


def plain(text):
    return re.sub(r"\s+", " ", text.replace("\\|", "|").replace("\\\\", "\\"))


def test_each_sentence_is_on_the_page():
    sentences = list(said())
    assert len(sentences) > 70
    page, missing = plain(PAGE), []
    for name, sentence in sentences:
        pieces = [piece.strip() for piece in re.split(r"%[-.*0-9]*(?:ll|z)?[a-z]", sentence)]
        if not all(piece in page for piece in pieces if len(piece) > 2):
            missing.append(f"{name}: {sentence}")
    assert missing == []
    assert not any(piece in page for piece in ("no such sentence is said",))


def test_the_page_is_linked():
    assert "pcd01.md" in (ROOT / "openapi/README.md").read_text() and "openapi/pcd01.md" in (ROOT / "README.md").read_text()


def test_its_example_is_accepted():
    example, = re.findall(r"```text\n(MSH.*?)```", PAGE, re.S)
    done = subprocess.run([str(BUILD / "tools/maalehub"), "pcd01", "explain", "-"], input=example.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout.decode().startswith("ACCEPTED: 1 Observation "), done.stdout.decode()
