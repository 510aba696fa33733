"""Bodies, keys and errors as text: for people and for the database. No Odoo models."""

import hashlib
import json

from odoo.exceptions import UserError

from ..connectors.redaction import told


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
    """Return one line about an error for a person, without a traceback.

    Odoo says in its own errors what a person is to know. The words of others may be
    the row the database refused, with all that stands in it.
    """
    if isinstance(error, UserError):
        text = str(error.args[0]).strip() if error.args else ""
        return text.splitlines()[0][:300] if text else ""
    return told(error)[:300]


def field_labels(records, names):
    """Return the fields' labels as the screens show them, in one line."""
    return ", ".join(
        sorted(
            records._fields[name]._description_string(records.env) or name
            if name in records._fields
            else name
            for name in names
        )
    )
