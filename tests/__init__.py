from . import (
    test_availability,
    test_door,
    test_inbox,
    test_jobs,
    test_loop,
    test_order,
    test_publish,
    test_return,
    test_security,
    test_tours,
)
