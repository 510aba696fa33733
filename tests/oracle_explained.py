"""Whether every number of a history, present and past, is explained to the last unit.

After a random history each row of the ledger is explained: each part is the sum of
the records behind it, each step the one before changed, the last one the number that
is stored. Numbers the channel took on the way are explained from what was logged.
"""

from decimal import Decimal

SUMMED = (
    "on_hand",
    "unavailable",
    "reserved",
    "owed",
    "in_flight",
    "incoming",
    "own_open",
)
# Explaining takes longer than computing: a history explains every so many-th number,
# beginning with another one each, so that so many histories in a row explain all.
EVERY = 6


def exact(quantity):
    return Decimal(repr(quantity))


class Explained:
    """What a test case of random histories asks of ``explain``."""

    explained = 0
    explained_past = 0

    def publications(self):
        return self.env["stock.channel.publication"].search(
            [("listing_id", "in", self.listings.ids)]
        )

    def acknowledge(self):
        """Let every channel take what is wanted now, as publishing does it."""
        rows = self.env["stock.channel.publication"]
        rows._refresh(self.listings, "stock", self.env.cr.now())
        for channel in self.channels:
            due = rows.search(
                [("channel_id", "=", channel.id), ("state", "=", "pending")]
            )
            push = self.env["stock.channel.push"].create(
                {"channel_id": channel.id, "size": len(due)}
            )
            answers = [
                (rows.browse(row_id), update) for row_id, update in due._lease(push)
            ]
            rows._acknowledge_all(push, answers)
        self.env.invalidate_all()

    def unexplained(self, seed):
        """Explain numbers there are, and numbers there were.

        The ledger must be up to date.

        :return: what does not add up, in words.
        """
        rows = self.publications()
        logs = rows.log_ids.sorted("id")[seed % EVERY :: EVERY]
        rows = rows[seed % EVERY :: EVERY]
        type(self).explained += len(rows)
        type(self).explained_past += len(logs)
        return [
            f"{record.channel_id.name}: {record.display_name}: {'; '.join(found)}"
            for record in (*rows, *logs)
            if (found := self.unexplained_of(record))
        ]

    def unexplained_of(self, record):
        told = record.explain()
        is_past = "acknowledged" in told
        stored = record.quantity if is_past else record.wanted_qty
        found = [
            f"{one['part']}: {one['quantity']} is {one['found']}"
            for one in told["differences"]
        ]
        found += self.unequal_steps(told, stored)
        if is_past:
            return found + self.unequal_since(told["since"])
        return found + self.unequal_lines(told) + self.unequal_components(told)

    def unequal_steps(self, told, stored):
        quantity, found = Decimal(0), []
        for step in told["steps"]:
            change = step["change"]
            if change is not None and quantity + exact(change) != exact(
                step["quantity"]
            ):
                found.append(f"step {step['kind']} is not the one before and {change}")
            quantity = exact(step["quantity"])
        if quantity != exact(stored):
            found.append(f"the steps come to {quantity}, stored is {stored}")
        return found

    def unequal_lines(self, told):
        return [
            f"{part} is {told['parts'][part]}, its lines are {total}"
            for part in SUMMED
            if (total := sum(exact(line["quantity"]) for line in told["lines"][part]))
            != exact(told["parts"][part])
        ]

    def unequal_components(self, told):
        """The limiting component is one of the scarcest, with the parts of the kit."""
        limiting = [one for one in told["components"] if one["is_limiting"]]
        if not told["components"]:
            return []
        if len(limiting) != 1:
            return [f"{len(limiting)} components limit"]
        return [
            f"{part} of the kit is {told['parts'][part]}, of what limits it {one[part]}"
            for one in limiting
            for part in SUMMED
            if part in one and exact(one[part]) != exact(told["parts"][part])
        ]

    def unequal_since(self, since):
        reached = (
            exact(since["on_hand_then"])
            + sum(exact(line["quantity"]) for line in since["lines"])
            + exact(since["remainder"]["quantity"])
        )
        if reached == exact(since["on_hand_now"]):
            return []
        return [f"what happened since comes to {reached}, not {since['on_hand_now']}"]
