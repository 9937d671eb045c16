"""A reload: what changes, what cannot, and what a bad file does, which is nothing."""

from collections.abc import Callable

import msgspec

from inferd.app import App, check_base_url
from inferd.config import BadConfiguration, Config, changed
from inferd.daemon.tls import Certificate, CertificateUnusable
from inferd.log import Log

# Options that a reload puts in force; the others wait for a restart, and the log says so.
RELOADABLE = ("limits", "compat", "log", "inference", "chunking", "openai", "tls")


class Reloader:
    """Puts a changed configuration, certificate and client keys in force while requests run: call it.

    ``read`` makes the new configuration; BadConfiguration of it is an answer, too.
    """

    def __init__(self, app: App, certificate: Certificate | None, log: Log, read: Callable[[], Config]) -> None:
        self._app = app
        self._certificate = certificate
        self._log = log
        self._read = read

    def __call__(self) -> None:
        """Reloads; whatever is wrong with the new state of things is said in the log, and the old one stays."""
        parts = self._app.parts
        try:
            new = self._read()
            effective = self._effective(parts.config, new)
            check_base_url(self._app.tools.policy, effective)
            if self._certificate is not None:
                self._certificate.reload(effective.tls)
        except (BadConfiguration, CertificateUnusable, ValueError) as problem:
            self._log.error("configuration has not been changed", problem=str(problem))
            return
        for option in changed(effective, new):
            self._log.warning("this option changes at the next restart", option=option)
        told = sorted(changed(parts.config, effective))
        parts.config = self._app.tools.config = effective
        parts.limits.reconfigure(burst=effective.limits.burst, queue_capacity=effective.limits.queue_capacity)
        if parts.guard is not None:
            parts.guard.refresh()
        self._log.reconfigure(effective.log)
        self._log.info("configuration reloaded", changed=told)

    def _effective(self, old: Config, new: Config) -> Config:
        kept = {section: getattr(old, section) for section in Config.__struct_fields__ if section not in RELOADABLE}
        if self._certificate is None or not (new.tls.cert and new.tls.key):
            kept["tls"] = old.tls
        return msgspec.structs.replace(new, **kept)
