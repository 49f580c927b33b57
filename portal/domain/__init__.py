"""The rules, pure: no clock, no session, no network. Everything here is given what it judges."""
