"""Deploying, without any engine: what should be there, what is, and the way from one to the other.

The core is pure. A target says what a flow needs there (:class:`flowc.deploy.provider.Deployer`)
and connects to it (:class:`flowc.deploy.provider.Provider`); ``flowc.cli`` drives both. The order
of work is decided here, in :mod:`flowc.deploy.changes`, for every target alike.
"""
