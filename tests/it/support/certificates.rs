//! Certificates for the tests of TLS: right ones, and every kind of wrong one.

use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Somebody who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, both as PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// For what a certificate is made.
#[derive(Clone, Copy, PartialEq)]
pub enum Purpose {
    Server,
    Client,
    ExpiredClient,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        Authority::with(name, |_| {})
    }

    /// One that is not quite as it should be.
    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// Signs a certificate with one name: a DNS name, a URI or an IP address.
    pub fn sign(&self, purpose: Purpose, name: &str) -> Identity {
        let (params, key) = (params(purpose, name), KeyPair::generate().expect("a key"));
        identity(&params.signed_by(&key, &self.issuer).expect("a certificate"), &key)
    }

    /// Its own certificate, as if it were a client's: `openssl req -x509` makes such ones.
    pub fn itself(&self) -> Identity {
        Identity { certificate: self.pem.clone(), key: self.issuer.key().serialize_pem() }
    }
}

impl Identity {
    /// A certificate that nobody else signed.
    pub fn self_signed(purpose: Purpose, name: &str) -> Identity {
        let key = KeyPair::generate().expect("a key");
        identity(&params(purpose, name).self_signed(&key).expect("a certificate"), &key)
    }

    /// Signs as an authority does, although its certificate is none's.
    pub fn sign(&self, purpose: Purpose, name: &str) -> Identity {
        let own = KeyPair::from_pem(&self.key).expect("a key");
        let issuer = Issuer::new(params(purpose, name), own);
        let key = KeyPair::generate().expect("a key");
        identity(&params(purpose, name).signed_by(&key, &issuer).expect("a certificate"), &key)
    }

    /// Writes `NAME.crt` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.crt")), &self.certificate).expect("a writable folder");
        std::fs::write(folder.join(format!("{name}.key")), &self.key).expect("a writable folder");
    }

    pub fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        (vec![certificate], PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key"))
    }
}

pub fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
}

fn params(purpose: Purpose, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains("://") => SanType::URI(name.try_into().expect("ASCII")),
        Err(_) => SanType::DnsName(name.try_into().expect("ASCII")),
    }];
    params.extended_key_usages = vec![match purpose {
        Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Purpose::Client | Purpose::ExpiredClient => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    if purpose == Purpose::ExpiredClient {
        expired(&mut params);
    }
    params
}

fn identity(certificate: &Certificate, key: &KeyPair) -> Identity {
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}
