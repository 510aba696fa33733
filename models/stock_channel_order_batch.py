import logging
from dataclasses import dataclass
from typing import Any

import psycopg2

from odoo import api, models

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
        messages = self.env["stock.channel.message"].union(
            *(task.message for task in tasks)
        )
        self._in_transaction(messages._give_back)

    # ---------------------------------------------------------------- reading

    def _read_together(self, channel, snapshots):
        """Write what the channel says; from here on all of it is in flight.

        :return: list of ``Task``.
        """
        batch = Batch()
        orders = self.with_context(**{BATCH: batch})
        told = list(snapshots.values())
        orders.env["stock.channel.listing"]._find_all(
            channel, [wire for snapshot in told for wire in snapshot.lines]
        )
        orders = orders._find_or_create(channel, told)
        by_id = {order.external_id: order for order in orders}
        first = {}
        for message, snapshot in snapshots.items():
            order = by_id[snapshot.id]
            message.channel_order_id = order
            if snapshot.version < order.version:
                continue
            if order.line_ids:
                order._find_all_components()
                order._write_snapshot(snapshot)
            else:
                first[order] = snapshot
        orders._write_first(first)
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
        tasks = self._prepare_together(channel, tasks, batch)
        if not tasks:
            return
        by_task = dict(zip(tasks, batch.orders, strict=True))
        values = self._prepare_values(by_task)
        sales_sudo = self.browse(tasks[0].order.id)._new_sale_order().create(values)
        for (task, order), sale_sudo in zip(by_task.items(), sales_sudo, strict=True):
            order._link_sale_order(sale_sudo, task.snapshot)
        sales_sudo.with_context(**{BATCH: batch}).action_confirm()
        for task, order in by_task.items():
            note = order._finish_create(task.snapshot)
            order._conclude(task.snapshot)
            task.message.with_context(**{BATCH: batch})._done(note)
        self.env["stock.channel.publication"].sudo()._channel_moved_together(batch)
        self.env["stock.channel.exception"]._resolve_healed(batch)

    def _prepare_together(self, channel, tasks, batch):
        """Look up what the orders need; leave out what is not new, or not mapped.

        :return: the tasks that can be prepared, as far as is known now.
        """
        orders = self.browse([task.order.id for task in tasks])
        orders = orders.with_context(**{BATCH: batch})
        orders._find_all_components()
        ready = [
            task
            for task, order in zip(tasks, orders, strict=True)
            if order._can_be_prepared(task.snapshot)
        ]
        batch.orders = orders.browse([task.order.id for task in ready])
        orders._find_customers(channel, [task.snapshot.customer for task in ready])
        return ready

    def _prepare_values(self, by_task):
        """Return the values of the sale orders.

        :param dict by_task: task → its order, in the batch.
        :raise LeftOut: naming all that cannot be prepared.
        """
        values, failed = [], []
        for task, order in by_task.items():
            try:
                values.append(order._prepare_sale_order(task.snapshot))
            except psycopg2.Error:
                raise
            except Exception as error:  # noqa: BLE001 - told when it is done alone
                _logger.info("order %s is left out: %s", order.id, error)
                failed.append(task)
        if failed:
            raise LeftOut(failed)
        return values

    def _is_simply_new(self, snapshot):
        """Tell whether all there is to do is to create the sale order."""
        return (
            snapshot.version >= self.version
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

    def _can_be_prepared(self, snapshot):
        """Tell whether the order goes with the others, before anything is written."""
        try:
            if not self._is_simply_new(snapshot):
                return False
            self._check_mapped(snapshot)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - told when it is done alone
            _logger.info("order %s is left out: %s", self.id, error)
            return False
        return True


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
