"""The checkout's test run: lint, pure tests, Odoo tests, browser tours.

:mod:`.runner` puts the suites one after the other and prints the summary; each suite
lives in a module of its own and returns a :class:`.results.SuiteResult`.
"""
