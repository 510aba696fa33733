from . import test_availability, test_door, test_loop, test_publish
