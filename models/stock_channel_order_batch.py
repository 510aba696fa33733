import logging
from dataclasses import dataclass
from typing import Any

import psycopg2

from odoo import api, models

from ..connectors.plan import Action
from . import kill_points
from .locks import lock_stock, try_lock_stock
from .stock_channel_batch import BATCH, Batch

_logger = logging.getLogger(__name__)

# How often a batch is begun anew for orders it left out or found busy.
ROUNDS = 10
# The server has room for some thousands of them, for all who reserve.
MOST_LOCKS = 1000


@dataclass(frozen=True, eq=False)
class Task:
    """One new order of a batch.

    :param message: the delivery that tells of it.
    :param frozenset pairs: (product id, warehouse id) that applying it may reserve.
    """

    message: Any
    snapshot: Any
    order: Any
    pairs: frozenset


@dataclass(frozen=True, eq=False)
class Ready:
    """A task whose order is simply to be created.

    :param order: the order, in the batch.
    :param plan: what ``_plan_snapshot`` made of it.
    :param facts: the facts of the snapshot.
    """

    task: Any
    order: Any
    plan: Any
    facts: Any


class LeftOut(Exception):
    """Some orders of a batch cannot be prepared; the others do not wait for them."""

    def __init__(self, tasks):
        super().__init__(f"{len(tasks)} orders are worked off one by one")
        self.tasks = tasks


class StockChannelOrderBatch(models.Model):
    """Many new orders in one create and one confirmation.

    What fails before anything is created fails for its order alone: that one is left
    out, and worked off by itself afterwards, where its failure is told. What fails
    later fails for all of the batch, which are then worked off one by one. Losing a
    race to another transaction is no failure: the batch starts over.
    """

    _inherit = "stock.channel.order"

    @api.model
    def _take_together(self, channel, snapshots):
        """Read these snapshots in one transaction and apply them in another.

        Messages that are not done afterwards are to be worked off one by one.

        :param dict snapshots: message → snapshot, each of an order of its own.
        :raise Exception: when a batch failed; what was done before stays done.
        """
        tasks = self._in_transaction(lambda: self._read_together(channel, snapshots))
        for _round in range(ROUNDS):
            try:
                busy, tasks = self._in_transaction(
                    lambda tasks=tasks: self._apply_free(channel, tasks)
                )
            except LeftOut as left_out:
                failed = left_out.tasks
                tasks = [task for task in tasks if task not in failed]
            else:
                self._give_back(busy)
            if not tasks:
                return

    def _give_back(self, tasks):
        """Let these be the first of the next claim: there may be other work meanwhile."""
        if not tasks:
            return
        messages = self._messages(task.message for task in tasks)
        self._in_transaction(messages._give_back)

    # ---------------------------------------------------------------- reading

    def _read_together(self, channel, snapshots):
        """Write what the channel says; from here on all of it is in flight.

        :return: list of ``Task``.
        """
        batch = Batch()
        orders = self.with_context(**{BATCH: batch})
        told = list(snapshots.values())
        self._messages(snapshots).with_context(**{BATCH: batch})._keep_claim()
        orders.env["stock.channel.listing"]._find_all(
            channel, [wire for snapshot in told for wire in snapshot.lines]
        )
        orders = orders._find_or_create(channel, told)
        by_id = {order.external_id: order for order in orders}
        first, read = {}, orders.browse()
        for message, snapshot in snapshots.items():
            order = by_id[snapshot.id]
            message.channel_order_id = order
            if order._is_outdated(message, snapshot):
                continue
            read |= order
            if order.line_ids:
                order._find_all_components()
                order._write_snapshot(snapshot)
            else:
                first[order] = snapshot
            order.read_message = message.id
        orders._write_first(first)
        read._place_together(batch)
        orders.env["stock.channel.publication"].sudo()._channel_moved_together(batch)
        return [
            Task(
                message=message,
                snapshot=snapshot,
                order=self.browse(by_id[snapshot.id].id),
                pairs=frozenset(by_id[snapshot.id]._stock_pairs()),
            )
            for message, snapshot in snapshots.items()
        ]

    @api.model
    def _messages(self, messages):
        return self.env["stock.channel.message"].union(*messages)

    def _place_together(self, batch):
        """Place what is in flight of these orders, one after the other."""
        batch.orders = self.filtered(lambda order: order._lines_to_place())
        for order in batch.orders:
            order._place_in_flight()

    def _write_first(self, snapshots):
        """Write the first snapshot of each of these orders, as ``_write_snapshot``.

        :param dict snapshots: order → snapshot.
        """
        orders = self.browse().union(*snapshots)
        values = []
        for order, snapshot in snapshots.items():
            order.write(order._prepare_snapshot(snapshot))
            values += [
                order.line_ids._prepare_first(order, wire, snapshot)
                for wire in snapshot.lines
            ]
        lines = orders.line_ids.create(values)
        orders._find_all_components()
        for line in lines:
            line._told_first()
        lines._log_dirty()

    def _find_all_components(self):
        """Find what all lines of these orders are made of, in one statement."""
        for company, lines in self.line_ids.grouped("company_id").items():
            self.env["stock.channel.kit"]._find_components(lines.product_id, company)

    # --------------------------------------------------------------- applying

    def _apply_free(self, channel, tasks):
        """Apply those of the orders whose goods nobody else is reserving.

        When there is none of them, the first is waited for. Whoever waits has a
        picture too old to reserve by, so nothing else is done in that transaction.

        :return: (tasks whose goods are busy, tasks for another round).
        :raise LeftOut: when some could not be prepared; nothing was changed then.
        """
        batch_tasks, later = self._bounded(tasks)
        wanted = frozenset().union(*(task.pairs for task in batch_tasks))
        locked = try_lock_stock(self.env.cr, wanted)
        free = [task for task in batch_tasks if task.pairs <= locked]
        busy = [task for task in batch_tasks if not task.pairs <= locked]
        if free:
            self._apply_together(channel, free)
            return busy, later
        self._fresh_transaction()
        lock_stock(self.env.cr, busy[0].pairs)
        return [], tasks

    def _bounded(self, tasks):
        """Return the first orders that ask for no more locks than there is room for.

        :return: (these, the others).
        """
        pairs = set()
        for number, task in enumerate(tasks):
            pairs |= task.pairs
            if number and len(pairs) > MOST_LOCKS:
                return tasks[:number], tasks[number:]
        return tasks, []

    def _apply_together(self, channel, tasks):
        """Create, confirm and reserve these orders, and finish their messages.

        :raise LeftOut: when some could not be prepared.
        """
        batch = Batch()
        messages = self._messages(task.message for task in tasks)
        messages.with_context(**{BATCH: batch})._keep_claim()
        ready = self._prepare_together(channel, tasks, batch)
        if not ready:
            return
        values = self._prepare_values(ready)
        sales_sudo = batch.orders[:1]._new_sale_order().create(values)
        for one, sale_sudo in zip(ready, sales_sudo, strict=True):
            one.order._link_sale_order(sale_sudo, one.task.snapshot)
        kill_points.reach("batch.created")
        batch.orders._confirm()
        # What is computed later is computed without knowing the batch.
        batch.orders.env.flush_all()
        for one in ready:
            snapshot, message = one.task.snapshot, one.task.message
            note = one.order._finish_create(snapshot)
            one.order._conclude(one.plan, one.facts, snapshot)
            message.with_context(**{BATCH: batch})._done(note)
        kill_points.reach("batch.confirmed")
        self.env["stock.channel.publication"].sudo()._channel_moved_together(batch)
        self.env["stock.channel.exception"]._resolve_healed(batch)

    def _prepare_together(self, channel, tasks, batch):
        """Look up what the orders need; leave out what is not new, or not mapped.

        :return: list of ``Ready``, of what can be prepared as far as is known now.
        """
        orders = self.browse([task.order.id for task in tasks])
        orders = orders.with_context(**{BATCH: batch})
        orders._find_all_components()
        ready = [
            one
            for task, order in zip(tasks, orders, strict=True)
            if (one := order._get_ready(task))
        ]
        batch.orders = orders.browse([one.order.id for one in ready])
        # Linking its sale line asks of each line what of it comes back.
        orders.line_ids.mapped("return_line_ids")
        orders._find_customers(channel, [one.task.snapshot.customer for one in ready])
        return ready

    def _prepare_values(self, ready):
        """Return the values of the sale orders.

        :raise LeftOut: naming all that cannot be prepared.
        """
        values, failed = [], []
        for one in ready:
            try:
                values.append(one.order._prepare_sale_order(one.task.snapshot))
            except psycopg2.Error:
                raise
            except Exception as error:  # noqa: BLE001 - told when it is done alone
                _logger.info("order %s is left out: %s", one.order.id, error)
                failed.append(one.task)
        if failed:
            raise LeftOut(failed)
        return values

    def _is_simply_new(self, message, snapshot):
        """Tell whether all there is to do is to create the sale order.

        Where what is not there is cancelled at the channel, each order takes from what
        those before it have reserved: those are worked off one by one.
        """
        return (
            not self._is_outdated(message, snapshot)
            and self.channel_id.when_short != "refuse"
            and self.applied_version < 0
            and not snapshot.cancelled
            and not self.was_created
            and not self.sale_order_id
            and not self.waits_for_payment
            and not self._must_wait_for_payment()
            and any(line._wanted_qty() > 0 for line in self.line_ids)
            and not any(
                line.fulfilled_qty or line.applied_qty for line in self.line_ids
            )
        )

    def _get_ready(self, task):
        """Plan the order, before anything is written.

        :return: ``Ready``, None when it does not go with the others.
        """
        try:
            if not self._is_simply_new(task.message, task.snapshot):
                return None
            plan, facts = self._plan_snapshot(task.snapshot)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - told when it is done alone
            _logger.info("order %s is left out: %s", self.id, error)
            return None
        if plan.action != Action.CREATE:
            return None
        return Ready(task=task, order=self, plan=plan, facts=facts)


class StockChannelOrderLineBatch(models.Model):
    _inherit = "stock.channel.order.line"

    def _prepare_first(self, order, wire, snapshot):
        """Return the values of a line of an order that had none."""
        channel = order.channel_id
        assigned = channel.location_ids.filtered(
            lambda location: location.external_id == wire.location_id
        )
        identity = self._prepare_identity(channel, None, wire, assigned)
        return {
            **self._prepare_new(order, wire, assigned, identity),
            **self._told_quantities(wire, snapshot),
        }

    def _told_first(self):
        """Note what the channel did to its own number, see ``_set_quantities``."""
        self.ensure_one()
        if self.channel_id.quantity_meaning == "physical":
            gone = self.acknowledged_qty
        else:
            gone = self._wanted_qty()
        self._channel_moved(-gone, self.channel_order_id.updated_at)
