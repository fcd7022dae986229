//! Which client certificates are let in.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::EndEntityCert;

use super::root::{ForClients, Root};

/// What the five values of `client_auth_type` come down to. Whoever shows a certificate has to hold its key, always.
#[derive(Debug)]
pub(super) struct ClientPolicy {
    mandatory: bool,
    /// One of them must be in the certificate, unless there are none.
    sans: Vec<AllowedSan>,
    /// `None`: any certificate will do.
    roots: Option<Roots>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Whose certificates are let in: those of the client CA file themselves, and those that a CA among them signed.
#[derive(Debug)]
pub(super) struct Roots {
    known: Vec<Root>,
    anchors: Vec<TrustAnchor<'static>>,
    /// What a client is told, so that it can choose among its certificates.
    subjects: Vec<DistinguishedName>,
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

impl Roots {
    pub(super) fn read(certificates: Vec<CertificateDer<'static>>) -> Result<Roots, Error> {
        let mut store = RootCertStore::empty();
        let mut known = Vec::new();
        for der in certificates {
            store.add(der.clone())?;
            let anchor = store.roots.last().expect("one was added").clone();
            known.push(Root::read(der, anchor).ok_or(CertificateError::BadEncoding)?);
        }
        Ok(Roots { known, subjects: store.subjects(), anchors: store.roots })
    }

    /// As Go judges: a certificate that stands in the file itself needs no signature. That is so of a CA's certificate
    /// too, as `openssl req -x509` makes them.
    fn check(
        &self,
        certificate: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), webpki::Error> {
        if let Some(own) = self.known.iter().find(|root| root.der == certificate.der()) {
            return own.check_own(now);
        }
        let check_path = |path: &webpki::VerifiedPath<'_>| {
            let between = path.intermediate_certificates().count();
            // A CA whose certificate was made anew may stand there twice.
            let signers = self.known.iter().filter(|root| root.is(path.anchor()));
            let judged = signers.map(|root| root.check_signer(now, between));
            judged.reduce(Result::or).unwrap_or(Err(webpki::Error::UnknownIssuer))
        };
        certificate
            .verify_for_usage(algorithms.all, &self.anchors, intermediates, now, ForClients, None, Some(&check_path))
            .map(drop)
    }
}

impl ClientPolicy {
    /// `roots` left out takes any certificate, as good as none against strangers.
    pub(super) fn new(
        mandatory: bool,
        sans: Vec<AllowedSan>,
        provider: &CryptoProvider,
        roots: Option<Roots>,
    ) -> ClientPolicy {
        ClientPolicy { mandatory, sans, roots, algorithms: provider.signature_verification_algorithms }
    }
}

/// In the library's own words for the client, and such that the reason can be told to the operator.
fn refusal(error: webpki::Error) -> Error {
    match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer | webpki::Error::EndEntityUsedAsCa | webpki::Error::PathLenConstraintViolated => {
            CertificateError::UnknownIssuer
        }
        webpki::Error::RequiredEkuNotFoundContext(_) => CertificateError::InvalidPurpose,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
    .into()
}

impl ClientCertVerifier for ClientPolicy {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.roots.as_ref().map_or(&[], |roots| &roots.subjects)
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = EndEntityCert::try_from(end_entity).map_err(refusal)?;
        if let Some(roots) = &self.roots {
            roots.check(&certificate, intermediates, now, &self.algorithms).map_err(refusal)?;
        }
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
