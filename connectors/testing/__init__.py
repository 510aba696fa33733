"""What an author of a connector needs to prove it.

``conformance``
    The suite: subclass ``ConnectorConformance``, name the connector, its fake and its
    samples. What may be set is said in ``conformance_base.ConformanceBase``.
``conformance_story``
    Random stories of numbers, sales and lost answers; needs ``hypothesis``.
``fake_channel``
    What a fake of a channel is built from: ``FakeServer``, its books and its transport
    with planned faults, ``FixedClock``. ``fake_rest`` and ``fake_medusa`` are examples.
``python -m connectors.testing FOLDER``
    Runs the tests of another addon's connector on a machine without Odoo.
``python -m connectors.testing.guide FOLDER``
    Writes the example of docs/connectors/writing-one.md, as something to begin with.
``table``
    Writes the pages' lists of connectors; for this repository alone.
"""
