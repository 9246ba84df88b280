//! Mutual TLS 1.3 between pinned keys.
//!
//! A certificate is only the envelope of a key: names, dates and issuers are not looked at. What
//! counts is that the peer signs the handshake with the key of the certificate it shows (`rustls`
//! verifies the signature), and that this key's fingerprint is the pinned one.

use crate::{
    error::{Error, TlsError, one_line},
    identity::{Fingerprint, Identity},
    lane::locked,
};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName,
    ServerConfig, SignatureScheme,
    client::{
        Resumption, UnbufferedClientConnection,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        NoServerSessionStorage, UnbufferedServerConnection,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::TLS13,
};
use std::sync::{Arc, Mutex};

/// The name of the protocol inside TLS; its version is a matter of the session's handshake.
const ALPN: &[u8] = b"privet";

/// Which clients a server accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// The clients with these fingerprints.
    List(Vec<Fingerprint>),
    /// Whoever asks. The session still names the client's fingerprint.
    Anyone,
}

impl Allow {
    fn accepts(&self, fingerprint: &Fingerprint) -> bool {
        match self {
            Self::List(list) => list.contains(fingerprint),
            Self::Anyone => true,
        }
    }
}

/// Verifies the peer's key and remembers it.
#[derive(Debug)]
pub(crate) struct Pinned {
    allow: Allow,
    seen: Mutex<Option<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    pub(crate) fn new(allow: Allow) -> Arc<Self> {
        Arc::new(Self {
            allow,
            seen: Mutex::new(None),
            provider: Arc::new(provider()),
        })
    }

    /// The fingerprint that the peer has shown, accepted or not.
    pub(crate) fn seen(&self) -> Option<Fingerprint> {
        *locked(&self.seen)
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let parsed = webpki::EndEntityCert::try_from(certificate)
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let fingerprint = Fingerprint::of_public_key(&parsed.subject_public_key_info());
        *locked(&self.seen) = Some(fingerprint);
        if self.allow.accepts(&fingerprint) {
            Ok(())
        } else {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }

    /// What a failure of TLS means to the user of this side.
    pub(crate) fn explain(&self, error: &rustls::Error, ours: Fingerprint, side: Side) -> Error {
        use AlertDescription as Alert;
        if matches!(
            error,
            rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
        ) {
            return self.mismatch(error);
        }
        if matches!(error, rustls::Error::AlertReceived(Alert::AccessDenied)) {
            return side.refused(ours);
        }
        if matches!(error, rustls::Error::InvalidMessage(_)) {
            return Error::Incompatible {
                what: "the transport",
                ours: "TLS 1.3".into(),
                theirs: "something else (another program, or plain TCP)".into(),
            };
        }
        if matches!(
            error,
            rustls::Error::PeerIncompatible(_)
                | rustls::Error::NoApplicationProtocol
                | rustls::Error::AlertReceived(
                    Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::NoApplicationProtocol
                )
        ) {
            return Error::Incompatible {
                what: "TLS",
                ours: "1.3, mutual, protocol privet".into(),
                theirs: one_line(&error.to_string()),
            };
        }
        TlsError::Protocol(one_line(&error.to_string())).into()
    }

    fn mismatch(&self, error: &rustls::Error) -> Error {
        let Some(got) = self.seen() else {
            return TlsError::Protocol(one_line(&error.to_string())).into();
        };
        match &self.allow {
            Allow::List(list) => match list.as_slice() {
                [expected] => TlsError::WrongPeer {
                    expected: *expected,
                    got,
                }
                .into(),
                _ => TlsError::NotAllowed {
                    got,
                    allowed: list.len(),
                }
                .into(),
            },
            Allow::Anyone => TlsError::Protocol(one_line(&error.to_string())).into(),
        }
    }
}

/// Which end of the TLS connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    fn refused(self, ours: Fingerprint) -> Error {
        let (by, expected) = match self {
            Self::Client => ("server", "one that the server allows"),
            Self::Server => ("client", "the one that the client has pinned"),
        };
        TlsError::Refused { by, ours, expected }.into()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// A client's connection that accepts only the pinned server.
pub(crate) fn client(
    identity: &Identity,
    pinned: &Arc<Pinned>,
) -> Result<UnbufferedClientConnection, Error> {
    let provider = Arc::clone(&pinned.provider);
    let verifier = Arc::clone(pinned) as Arc<dyn ServerCertVerifier>;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(vec![identity.certificate()], identity.private_key())
        .map_err(setup)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    let name = ServerName::try_from("privet").map_err(|e| TlsError::Protocol(e.to_string()))?;
    UnbufferedClientConnection::new(Arc::new(config), name).map_err(setup)
}

/// A server's connection that accepts only allowed clients.
pub(crate) fn server(
    identity: &Identity,
    pinned: &Arc<Pinned>,
) -> Result<UnbufferedServerConnection, Error> {
    let provider = Arc::clone(&pinned.provider);
    let verifier = Arc::clone(pinned) as Arc<dyn ClientCertVerifier>;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(setup)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate()], identity.private_key())
        .map_err(setup)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    UnbufferedServerConnection::new(Arc::new(config)).map_err(setup)
}

#[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
fn setup(error: rustls::Error) -> Error {
    TlsError::Protocol(one_line(&error.to_string())).into()
}

/// AES-128 first: the machines meant have it in hardware.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.tls13().is_some());
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    provider
}
