"""TLS for clients: certificate and key from files, replaced while connections live on."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from inferd.config import Tls, at_home


class CertificateUnusable(Exception):
    """Certificate or key cannot be used; one line that names the option, nothing of the files' content."""


class Certificate:
    """The certificate inferd shows to its clients; ``context`` stays the same when it is replaced."""

    def __init__(self, config: Tls, environ: Mapping[str, str]) -> None:
        self._credentials = environ.get("CREDENTIALS_DIRECTORY")
        self._current = self._loaded(config)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # OpenSSL wants a certificate in the context that is asked first, though it is never the one shown.
        self._load_into(self.context, config)
        # A context whose files were replaced could be left with a certificate and a key that do not match;
        # to choose the context at each handshake replaces both at once.
        self.context.sni_callback = self._choose

    @classmethod
    def of(cls, config: Tls, environ: Mapping[str, str]) -> "Certificate | None":
        """The certificate, None where there is to be no TLS; CertificateUnusable."""
        if not config.cert and not config.key:
            return None
        if not config.key:
            raise CertificateUnusable("[tls.key]: a certificate needs its key")
        if not config.cert:
            raise CertificateUnusable("[tls.cert]: a key needs its certificate")
        return cls(config, environ)

    def reload(self, config: Tls) -> None:
        """Shows new clients what the files hold now; CertificateUnusable changes nothing."""
        self._current = self._loaded(config)

    def _choose(self, handshake: ssl.SSLSocket | ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        handshake.context = self._current

    def _loaded(self, config: Tls) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load_into(context, config)
        return context

    def _load_into(self, context: ssl.SSLContext, config: Tls) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        cert, key = self._path(config.cert, "tls.cert"), self._path(config.key, "tls.key")
        for option, path in (("cert", cert), ("key", key)):
            try:
                path.open("rb").close()
            except OSError as problem:
                raise CertificateUnusable(f"[tls.{option}]: {path} cannot be read: {problem.strerror}") from None
        try:
            # Without a password OpenSSL would ask at the terminal.
            context.load_cert_chain(cert, key, password="")
        except (OSError, ValueError) as problem:
            told = getattr(problem, "reason", None) or type(problem).__name__
            raise CertificateUnusable(f"[tls]: {cert} and {key} are no certificate and its key: {told}") from None

    def _path(self, name: str, option: str) -> Path:
        """A relative name is that of a systemd credential where there are any."""
        path = at_home(Path(name), option)
        return Path(self._credentials, name) if self._credentials and not path.is_absolute() else path
