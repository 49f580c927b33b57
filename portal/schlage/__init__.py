"""The Schlage Home API, version 2: client, payloads, webhooks and sign-in.

Stands alone: it needs requests, cryptography and Authlib, and nothing else of the portal.
"""
