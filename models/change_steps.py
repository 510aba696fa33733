"""Steps of a change as plain values: in order, one for each record, comparable."""

# What a step may be about, in the order in which it is carried out: a rule is of no
# use before what it holds for.
MODELS = (
    "stock.location",
    "stock.channel",
    "stock.channel.location",
    "stock.channel.listing",
    "stock.channel.rule",
)
# Made and removed by other means, not by a change of maps.
ONLY_CHANGED = ("stock.location", "stock.channel")
OPS = ("unlink", "write", "create")
# More would be a migration, and nobody would read what they approve.
MAX_STEPS = 1000
# Fields by which one step may mean a record that another one makes.
LINKS = {
    "channel_location_id": "stock.channel.location",
    "listing_id": "stock.channel.listing",
}


def folded(steps):
    """Return one step for each record, however often it was written."""
    by_record = {}
    for step in steps:
        key = (step["model"], step["id"])
        earlier = by_record.get(key)
        if not earlier:
            by_record[key] = dict(step)
        elif step["op"] == "unlink":
            if earlier["op"] == "create":
                del by_record[key]
            else:
                by_record[key] = {
                    **step,
                    "before": {**step["before"], **earlier["before"]},
                }
        else:
            earlier["after"] = {**earlier["after"], **step["after"]}
            if earlier["op"] == "write":
                earlier["before"] = {**step["before"], **earlier["before"]}
    return sorted(filter(None, map(_without_same, by_record.values())), key=step_order)


def _without_same(step):
    """Leave out what is in the end what it was; None when nothing remains."""
    if step["op"] != "write":
        return step
    before, after = step["before"], step["after"]
    names = [name for name in after if after[name] != before[name]]
    if not names:
        return None
    return {
        **step,
        "before": {name: before[name] for name in names},
        "after": {name: after[name] for name in names},
    }


def step_order(step):
    """Make room first, then change, then make anew; what others need comes first."""
    model = MODELS.index(step["model"])
    op = OPS.index(step["op"])
    return op, -model if step["op"] == "unlink" else model, step["id"]


def promised(steps):
    """Return what steps come to, whatever ids new records get."""
    made = {
        (step["model"], step["id"]): f"new {number}"
        for number, step in enumerate(steps)
        if step["op"] == "create"
    }

    return [
        (
            step["model"],
            step["op"],
            made.get((step["model"], step["id"]), step["id"]),
            with_links(step, made)["after"] or None,
        )
        for step in steps
    ]


def with_links(step, others):
    """Return a step that means other records than it did.

    :param others: {(model, id): what is meant now}.
    """
    after = {
        name: others.get((LINKS[name], value), value) if name in LINKS else value
        for name, value in (step["after"] or {}).items()
    }
    return {**step, "after": after}
