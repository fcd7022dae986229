//! Which client certificates are let in?

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::EndEntityCert;

/// What the five values of `client_auth_type` come down to. Whoever shows a certificate has to hold its key, always.
#[derive(Debug)]
pub(super) struct ClientPolicy {
    mandatory: bool,
    /// One of them must be in the certificate, unless there are none.
    sans: Vec<AllowedSan>,
    /// Checks that a known CA signed it, now and for this use. `None`: any certificate will do.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// A name that a client's certificate may have, compared as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AllowedSan {
    Ip(IpAddr),
    Uri(String),
    Dns(String),
}

impl AllowedSan {
    /// `None` for what cannot be compared.
    pub(super) fn parse(text: &str) -> Option<AllowedSan> {
        match text {
            "" => None,
            _ if text.contains("://") || text.starts_with("urn:") => Some(AllowedSan::Uri(text.to_owned())),
            _ if text.contains('@') => None,
            _ => Some(text.parse().map_or_else(|_| AllowedSan::Dns(text.to_owned()), AllowedSan::Ip)),
        }
    }

    fn is_in(&self, certificate: &EndEntityCert<'_>) -> bool {
        match self {
            AllowedSan::Dns(name) => certificate.valid_dns_names().any(|known| known == name),
            AllowedSan::Uri(name) => certificate.valid_uri_names().any(|known| known == name),
            AllowedSan::Ip(address) => {
                certificate.verify_is_valid_for_subject_name(&ServerName::IpAddress((*address).into())).is_ok()
            }
        }
    }
}

impl ClientPolicy {
    /// Takes any certificate, as good as none against strangers.
    pub(super) fn of_any(mandatory: bool, sans: Vec<AllowedSan>, provider: &CryptoProvider) -> ClientPolicy {
        ClientPolicy { mandatory, sans, chain: None, algorithms: provider.signature_verification_algorithms }
    }

    /// Takes certificates that `chain` finds right.
    pub(super) fn of_chain(
        mandatory: bool,
        sans: Vec<AllowedSan>,
        provider: &CryptoProvider,
        chain: Arc<dyn ClientCertVerifier>,
    ) -> ClientPolicy {
        ClientPolicy { chain: Some(chain), ..ClientPolicy::of_any(mandatory, sans, provider) }
    }
}

impl ClientCertVerifier for ClientPolicy {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.as_ref().map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        let certificate = EndEntityCert::try_from(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if self.sans.is_empty() || self.sans.iter().any(|san| san.is_in(&certificate)) {
            return Ok(ClientCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
