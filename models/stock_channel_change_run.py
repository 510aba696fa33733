"""What is being carried out on a cursor, and how a rehearsal leaves no trace."""

from contextlib import contextmanager
from weakref import WeakKeyDictionary

from odoo.tools.misc import Callbacks

# Kept beside the cursor, where no context and no RPC reaches, and not in its cache,
# which every savepoint that is rolled back clears.
_RUNS = WeakKeyDictionary()
# Nobody is told of what is only tried.
QUIET = {
    "tracking_disable": True,
    "mail_activity_quick_update": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
}


class Run:
    """One change under way; governed records write down in it what they became.

    :param approval: the ``stock.channel.approval`` under which it is carried out.
        None for a rehearsal, which is always rolled back.
    :param bool is_asking: also find out whether a second person would be asked;
        ``asked`` says so then.
    """

    def __init__(self, approval=None, is_asking=False):
        self.approval = approval
        self.is_rehearsal = approval is None
        self.is_asking = is_asking
        self.asked = False
        self.steps = []
        self.channel_ids = set()

    def note(self, model, record_id, op, before, after):
        """Add what became of one record."""
        self.steps.append(
            {
                "model": model,
                "id": record_id,
                "op": op,
                "before": before,
                "after": after,
            }
        )


def current_run(cr):
    """Return the change under way on this cursor, None when there is none."""
    return _RUNS.get(cr)


@contextmanager
def running(cr, run):
    """Let governed records know of ``run`` while it lasts."""
    outer = _RUNS.get(cr)
    _RUNS[cr] = run
    try:
        yield run
    finally:
        if outer is None:
            del _RUNS[cr]
        else:
            _RUNS[cr] = outer


@contextmanager
def rolled_back(env):
    """Undo everything that happens inside, in the database and beside it.

    A savepoint brings back the rows, the caches of records and what would run before
    the commit. What would run after it (jobs that are woken, mails, notices to open
    browsers) and what was cached in the registry has to be put back by hand:
    otherwise jobs would be woken for nothing, or the hooks of this process would go
    on believing in a channel that was never archived.
    """
    cr, registry = env.cr, env.registry
    cr.flush()
    postcommit, invalidated = cr.postcommit, set(registry.cache_invalidated)
    cr.postcommit = Callbacks()
    registry.cache_invalidated.clear()
    savepoint = cr.savepoint()
    try:
        yield
    finally:
        savepoint.close(rollback=True)
        cr.postcommit = postcommit
        if registry.cache_invalidated:
            registry.clear_cache(*registry.cache_invalidated)
        registry.cache_invalidated.clear()
        registry.cache_invalidated.update(invalidated)
