"""Calls to addresses that strangers typed: which may be called at all, and how, without trust.

Booking feeds, webhooks out and messages to managers all go through the rules of this package.
"""
