# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keeps what the hub answered, for a validator that others wrote (tests/clients/validate.js), in the folder MAALEHUB_RESPONSES names.

Of each kind of answer (its shape: which elements it has, request and status aside) a few are kept, so that a long run keeps some hundreds, and all kinds.
"""
import hashlib
import json
import os
import pathlib
import re

EACH = 4  # answers kept of one shape
BYTES = 256 * 1024  # longer ones are many of a kind that is there already

_folder = os.environ.get("MAALEHUB_RESPONSES")
_seen = {}


def shape(value):
    """What elements a value has, wherever they stand; an array is the set of its elements' shapes."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{value[name] if name == 'resourceType' else shape(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(sorted({shape(one) for one in value})) + "]"
    return type(value).__name__


def keep(response):
    """Keeps the body where it is FHIR and of a kind that was not seen often."""
    length = int(response.headers.get("content-length") or 0)
    if not _folder or not 0 < length <= BYTES or response.request.method == "HEAD":
        return
    if not response.headers.get("content-type", "").startswith("application/fhir+json"):
        return
    body = json.loads(response.read())
    kind = shape(body)
    _seen[kind] = _seen.get(kind, 0) + 1
    if _seen[kind] > EACH:
        return
    request = f"{response.request.method} {re.sub(r'[A-Za-z0-9_-]{20,}', '...', response.request.url.path)} {response.status_code}"
    text = json.dumps({"request": request, "body": body}, ensure_ascii=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    (pathlib.Path(_folder) / f"{name}.json").write_text(text)
