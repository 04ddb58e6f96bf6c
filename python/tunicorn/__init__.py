"""Tunicorn's Python side: the zygote and the workers that call the WSGI application.

Standard library only. The arbiter, the gateway and the request queue are TypeScript, in src/.
"""
