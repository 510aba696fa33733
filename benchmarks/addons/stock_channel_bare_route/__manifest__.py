{
    "name": "Bare Route of the Benchmarks",
    "summary": "What the door is compared with: a route that does one insert",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "Stock Channel Hub contributors",
    "license": "LGPL-3",
    "depends": ["base"],
    "installable": True,
}
