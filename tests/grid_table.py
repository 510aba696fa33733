"""Who may do what with each model: c create, r read and search, w write, u unlink.

One row per model of the hub. A new model fails ``test_grid`` until its row is here.
Reading is finding as well: ``search`` is tried wherever ``read`` is.
"""

from typing import NamedTuple

# Written by the hub alone; people look.
LOOK = "r"
KEEP = "rw"
MAP = "crw"
ALL = "crwu"


class Row(NamedTuple):
    """What each group may do, and an administrator of another company.

    :param str write: a field that whoever may write can write.
    """

    user: str = ""
    operator: str = ""
    manager: str = ""
    approver: str = ""
    admin: str = ""
    none: str = ""
    other: str = ""
    write: str = ""


def seen_by_all():
    return Row(LOOK, LOOK, LOOK, LOOK, LOOK)


GRID = {
    "stock.channel": Row(LOOK, LOOK, KEEP, LOOK, ALL, write="name"),
    "stock.channel.alert": Row("", LOOK, LOOK, LOOK, LOOK),
    "stock.channel.approval": seen_by_all(),
    "stock.channel.audit": seen_by_all(),
    "stock.channel.blind.receipt": seen_by_all(),
    # Managers give a reason to what they drew up themselves, and this is not theirs.
    "stock.channel.change": Row(LOOK, LOOK, LOOK, LOOK, LOOK, write="reason"),
    "stock.channel.charge": Row(LOOK, LOOK, ALL, LOOK, ALL, write="name"),
    "stock.channel.count": seen_by_all(),
    "stock.channel.count.line": seen_by_all(),
    "stock.channel.cursor": seen_by_all(),
    "stock.channel.customer": Row(LOOK, LOOK, "rwu", LOOK, "rwu", write="partner_id"),
    # No company: product and location ids of changes, for whoever runs the server.
    "stock.channel.dirty": Row(admin=LOOK, other=LOOK),
    "stock.channel.erasure.request": Row(manager=LOOK, admin=LOOK),
    "stock.channel.exception": Row(LOOK, KEEP, KEEP, LOOK, KEEP, write="user_id"),
    "stock.channel.exception.event": seen_by_all(),
    "stock.channel.exception.term": Row(LOOK, LOOK, ALL, LOOK, ALL, write="hours"),
    "stock.channel.fetch": seen_by_all(),
    "stock.channel.freshness": seen_by_all(),
    "stock.channel.fulfillment": seen_by_all(),
    "stock.channel.fulfillment.line": seen_by_all(),
    "stock.channel.ignore": seen_by_all(),
    "stock.channel.listing": Row(LOOK, LOOK, MAP, LOOK, ALL, write="sku"),
    "stock.channel.location": Row(LOOK, LOOK, MAP, LOOK, ALL, write="name"),
    "stock.channel.match": seen_by_all(),
    "stock.channel.match.line": seen_by_all(),
    "stock.channel.message": Row("", LOOK, LOOK, "", LOOK),
    "stock.channel.order": seen_by_all(),
    "stock.channel.order.line": seen_by_all(),
    "stock.channel.publication": seen_by_all(),
    "stock.channel.publication.log": seen_by_all(),
    "stock.channel.push": seen_by_all(),
    "stock.channel.remote.listing": Row(LOOK, KEEP, KEEP, LOOK, KEEP, write="uom_id"),
    "stock.channel.replay": Row("", LOOK, LOOK, "", LOOK),
    "stock.channel.return": seen_by_all(),
    "stock.channel.return.line": seen_by_all(),
    "stock.channel.review": Row(LOOK, KEEP, KEEP, KEEP, KEEP, write="note"),
    "stock.channel.review.finding": Row(LOOK, KEEP, KEEP, KEEP, KEEP, write="comment"),
    "stock.channel.rule": Row(LOOK, LOOK, ALL, LOOK, ALL),
    "stock.channel.secret": Row(admin=ALL, write="name"),
    "stock.channel.tax": Row(LOOK, LOOK, ALL, LOOK, ALL),
    # Access to a channel: what it is worth, nobody has to see.
    "stock.channel.token": Row(),
}

# Wizards: what each may do with their own; nobody sees another's.
WIZARDS = {
    "stock.channel.assign.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.credential.wizard": Row(admin=ALL, other=ALL),
    "stock.channel.credential.wizard.line": Row(admin=ALL, other=ALL),
    "stock.channel.erasure": Row(manager=MAP, admin=MAP, other=MAP),
    "stock.channel.file.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.ignore.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.inspect.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.inspect.wizard.row": Row("", ALL, ALL, "", ALL, other=ALL),
    "stock.channel.map.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.map.wizard.line": Row("", ALL, ALL, "", ALL, other=ALL),
    "stock.channel.match.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.onboarding": Row(MAP, MAP, MAP, MAP, MAP, other=MAP),
    "stock.channel.onboarding.credential": Row(admin=ALL, other=ALL),
    "stock.channel.onboarding.place": Row(ALL, ALL, ALL, ALL, ALL, other=ALL),
    "stock.channel.pause.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.receive.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.remote.ignore.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.secret.reveal": Row(admin=MAP, other=MAP),
    "stock.channel.sell.wizard": Row("", MAP, MAP, "", MAP, other=MAP),
    "stock.channel.secret.wizard": Row(admin=MAP, other=MAP),
    "stock.channel.undo.wizard": Row(manager=MAP, admin=MAP, other=MAP),
    "stock.channel.whatif": Row(MAP, MAP, MAP, MAP, MAP, other=MAP),
    "stock.channel.whatif.edit": Row(ALL, ALL, ALL, ALL, ALL, other=ALL),
    # Only the hub writes them, a hundred thousand at once.
    "stock.channel.whatif.line": Row(),
}

# Views in the database and over it: everybody of the hub looks, nobody else.
VIEWS = (
    "stock.channel.exception.report",
    "stock.channel.freshness.report",
    "stock.channel.paused",
    "stock.channel.readiness.line",
    "stock.channel.return.report",
)
