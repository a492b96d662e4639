"""Measurements: ratios beside a named peer, or processor time for one operation. Never part of the tests: see README.md."""
