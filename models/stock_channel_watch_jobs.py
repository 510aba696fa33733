from collections import defaultdict
from datetime import timedelta

import pytz
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.tools import SQL

from .stock_channel_late import minutes_since
from .stock_channel_poll import as_naive

# Failures in a row; Odoo itself gives up after days.
JOB_FAILURES = 3
# A job at work for longer hangs; Odoo ends those it may.
WORKING = timedelta(minutes=30)
# The watchdog looks every minute: when it did not look for so long, the scheduler
# stood still, and everything is overdue for one look.
AWAKE = timedelta(minutes=3)
# How long the scheduler may be silent before whoever opens the overview is told.
SILENT = timedelta(minutes=5)
# May be switched off: one worker more or less of the same queue.
SPARE_JOBS = {"ir_cron_inbox_2"}


class StockChannelWatchJobs(models.Model):
    """Scheduled actions that stand still, and credentials that end.

    The watchdog is a scheduled action itself. When the scheduler is dead nobody looks;
    then only reading can tell: ``_scheduler_trouble`` is worked out whenever somebody
    opens the overview or asks for ``get_health``.
    """

    _inherit = "stock.channel"

    # ------------------------------------------------------------------ jobs

    @api.model
    def _hub_jobs(self):
        """Return the hub's own scheduled actions, whichever data file made them."""
        data_sudo = (
            self.env["ir.model.data"]
            .sudo()
            .search(
                [
                    ("module", "=", "stock_channel_hub"),
                    ("model", "=", "ir.cron"),
                    ("name", "not in", list(SPARE_JOBS)),
                ]
            )
        )
        jobs_sudo = self.env["ir.cron"].sudo().with_context(active_test=False)
        return jobs_sudo.browse(data_sudo.mapped("res_id")).exists()

    @api.model
    def _watch_job(self):
        return self.env.ref("stock_channel_hub.ir_cron_watch").sudo()

    @api.model
    def _watch_jobs(self):
        """Scheduled actions that are off, fail, or do not come round.

        What all channels share is told at the first channel of each company.
        """
        now = self.env.cr.now()
        own = self._own_jobs()
        shared_sudo = self._hub_jobs() | self._mail_queue_cron()
        jobs_sudo = shared_sudo.union(*own.values())
        troubles = self._job_troubles(jobs_sudo, now)
        faults = {}
        seen = self.env["res.company"]
        for channel in self._watched("shadow", "live", "paused"):
            mine_sudo = own.get(channel, jobs_sudo.browse())
            if channel.company_id not in seen:
                seen |= channel.company_id
                mine_sudo |= shared_sudo
            found = [troubles[job.id] for job in mine_sudo if job.id in troubles]
            if found:
                faults[channel] = {
                    "title": self.env._("A scheduled action does not run"),
                    "cause": "\n".join(found),
                    "next_step": self.env._(
                        "Ask an administrator to look at it under Settings > Technical "
                        "> Scheduled Actions. This closes by itself when it runs."
                    ),
                    "category": "internal",
                }
        self._settle_alarms("jobs", faults)

    @api.model
    def _own_jobs(self):
        """Return {channel: its own scheduled actions that ought to be on}."""
        own = defaultdict(lambda: self.env["ir.cron"].sudo())
        for channel in self._watched("shadow", "live"):
            own[channel] |= channel.poll_cron_id
            if channel.state == "live":
                own[channel] |= channel.publish_cron_id
        return own

    @api.model
    def _job_troubles(self, jobs_sudo, now):
        """Return {job id: what is wrong with it, in words}."""
        troubles = {}
        suspects = []
        is_awake = self._is_watch_awake(now)
        for job in jobs_sudo:
            interval = relativedelta(**{job.interval_type: job.interval_number})
            if not job.active:
                troubles[job.id] = self.env._("%s is switched off.", job.name)
            elif job.failure_count >= JOB_FAILURES:
                troubles[job.id] = self.env._(
                    "%(job)s failed %(count)s times in a row.",
                    job=job.name,
                    count=job.failure_count,
                )
            elif is_awake and job.nextcall + interval < now:
                suspects.append(job)
        at_work = self._jobs_at_work([job.id for job in suspects])
        for job in suspects:
            if job.id in at_work and job.nextcall + WORKING > now:
                continue
            troubles[job.id] = self.env._(
                "%(job)s should have run %(minutes)s minutes ago and did not.",
                job=job.name,
                minutes=minutes_since(job.nextcall, now),
            )
        return troubles

    @api.model
    def _is_watch_awake(self, now):
        """Return whether the scheduler ran a moment ago, so that others should have."""
        seen_at = self._watch_job().lastcall
        return bool(seen_at) and now - seen_at <= AWAKE

    @api.model
    def _jobs_at_work(self, job_ids):
        """Return which of these a worker is running: it keeps their rows locked."""
        if not job_ids:
            return set()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM ir_cron WHERE id = ANY(%s) FOR SHARE SKIP LOCKED",
                job_ids,
            )
        )
        free = {job_id for (job_id,) in self.env.cr.fetchall()}
        return set(job_ids) - free

    @api.model
    def _scheduler_trouble(self, now):
        """Return what is wrong when nothing scheduled runs at all, False if it does.

        Worked out by whoever reads, since a dead scheduler raises no alarm.
        """
        job_sudo = self._watch_job()
        seen_at = job_sudo.lastcall
        if not job_sudo.active:
            return self.env._(
                "The watchdog is switched off: no alarm is raised any more."
            )
        if seen_at and now - seen_at <= SILENT:
            return False
        if not seen_at and now - job_sudo.create_date <= SILENT:
            return False
        since = seen_at or job_sudo.create_date
        return self.env._(
            "Scheduled actions have not run for %s minutes: no number goes out, no "
            "order is taken over, no alarm is raised. Ask whoever runs the server.",
            minutes_since(since, now),
        )

    # ----------------------------------------------------------- credentials

    def _credential_ends(self):
        """Return {channel: (moment it ends or ended, what ends)} where it is known.

        A channel that takes deliveries needs a signing secret at every moment: the
        last one that ends counts, and none at all has ended already. Credentials end
        with their last day in the channel's time zone.
        """
        secrets_sudo = (
            self.env["stock.channel.secret"]
            .sudo()
            .search([("channel_id", "in", self.ids)])
        )
        by_channel = secrets_sudo.grouped("channel_id")
        ends = {}
        for channel in self:
            moments = []
            if channel._capabilities().webhooks:
                valid_to = by_channel.get(channel, secrets_sudo.browse()).mapped(
                    lambda secret: secret.valid_to or False
                )
                if not valid_to:
                    moments.append((channel.create_date, "secret"))
                elif all(valid_to):
                    moments.append((max(valid_to), "secret"))
            if channel.credentials_expire_on:
                moments.append((channel._end_of_credentials(), "credentials"))
            if moments:
                ends[channel] = min(moments)
        return ends

    def _end_of_credentials(self):
        """Return the end of the last day of the credentials, naive UTC."""
        zone = pytz.timezone(self.timezone or "UTC")
        after = fields.Datetime.to_datetime(
            self.credentials_expire_on + timedelta(days=1)
        )
        return as_naive(zone.localize(after))

    def _expiry_state(self, end, now):
        """Return "over", "soon" or "fine" for a moment something ends."""
        self.ensure_one()
        if end <= now:
            return "over"
        if end <= now + timedelta(days=self.alert_expiry_days):
            return "soon"
        return "fine"

    @api.model
    def _watch_credentials(self):
        """Secrets and credentials that end soon, or have ended."""
        now = self.env.cr.now()
        faults = {}
        for channel, (end, what) in (
            self._watched("shadow", "live")._credential_ends().items()
        ):
            state = channel._expiry_state(end, now)
            if state != "fine":
                faults[channel] = channel._expiry_fault(state, what, end)
        self._settle_alarms("credentials", faults)

    def _expiry_fault(self, state, what, end):
        is_secret = what == "secret"
        if state == "over" and is_secret:
            title = self.env._("The channel has no valid signing secret")
        elif state == "over":
            title = self.env._("The channel's credentials have ended")
        elif is_secret:
            title = self.env._("The last signing secret ends soon")
        else:
            title = self.env._("The channel's credentials end soon")
        return {
            "title": title,
            "cause": self._expiry_cause(state, end),
            "next_step": self.env._(
                "Ask an administrator to make a new signing secret on the channel and "
                "to give it to the channel."
            )
            if is_secret
            else self.env._(
                "Ask an administrator to renew the credentials at the channel, enter "
                "them here and correct until when they are valid."
            ),
            "category": "authentication",
        }

    def _expiry_cause(self, state, end):
        end = end.replace(microsecond=0)
        if state == "soon":
            return self.env._(
                "It ends at %s UTC. After that the channel and the hub refuse each "
                "other.",
                end,
            )
        return self.env._(
            "It ended at %s UTC. Since then the channel and the hub refuse each other.",
            end,
        )
