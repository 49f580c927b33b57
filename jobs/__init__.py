"""Thin RQ jobs: ids in, a service called, done. Each is safe to run twice."""
