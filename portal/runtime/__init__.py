"""`make run`: the whole product on one machine, from an empty checkout.

install.py and preflight.py run before anything is installed, as scripts, so they import nothing but
the standard library. The rest is `python -m portal.runtime`, which prepares the state directory and
hands every process to supervisord. Nothing else in the project imports this package, apart from
guard.py, which jobs.worker starts its children with.
"""
