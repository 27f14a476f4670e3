# SPDX-License-Identifier: AGPL-3.0-or-later
"""The column `body` of hub.access_log as JSON, without the hub's code: 16 bytes of salt, then JSON, or a byte 2, a varint of its length and an LZ4 block."""
import ast
import json
import pathlib

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "storage/pack_2.inc").read_text()
DICTIONARY = "".join(ast.literal_eval(line) for line in TEXT.splitlines() if line).encode()


def block(packed, before):
    """An LZ4 block (lz4_Block_format.md) that continues `before`."""
    out, at = bytearray(before), 0

    def more(length):
        nonlocal at
        if length == 15:
            byte = 255
            while byte == 255:
                byte = packed[at]
                length += byte
                at += 1
        return length

    while at < len(packed):
        token = packed[at]
        at += 1
        literals = more(token >> 4)
        out += packed[at:at + literals]
        at += literals
        if at >= len(packed):
            break
        offset = packed[at] | packed[at + 1] << 8
        at += 2
        for _ in range(more(token & 15) + 4):
            out.append(out[-offset])
    return bytes(out[len(before):])


def text(column):
    """Its bytes."""
    body = bytes(column)[16:]
    if not body or body[:1] == b"{":
        return body
    assert body[0] == 2
    at = 1
    while body[at] >= 0x80:
        at += 1
    length = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(body[1:at + 1]))
    whole = block(body[at + 1:], DICTIONARY)
    assert len(whole) == length
    return whole


def read(column):
    return json.loads(text(column) or b"{}")
