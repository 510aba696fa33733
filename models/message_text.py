"""Bodies, keys and errors as text: for people and for the database. No Odoo models."""

import hashlib
import json

from odoo.exceptions import UserError


def readable(raw):
    """Return a body for people: indented where it is JSON, as it came elsewhere."""
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")


def storable(text):
    """Return a channel's key as the database can keep it.

    It is text of any length from outside; an index entry is not, and PostgreSQL
    takes neither NUL nor half a surrogate pair.
    """
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    if len(clean) <= 200 and clean == text:
        return clean
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def describe_error(error):
    """Return one line about an error for a person, without a traceback."""
    text = str(error.args[0]) if error.args else ""
    first_line = text.strip().splitlines()[0] if text.strip() else ""
    if isinstance(error, UserError):
        return first_line[:300]
    return f"{type(error).__name__}: {first_line}"[:300]
