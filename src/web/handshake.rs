//! Why no TLS connection came about.

use std::io;

use rustls::{CertificateError, Error, OtherError};

use super::HEALTH_NAME;
use crate::telemetry::HandshakeRefused as Refused;

/// What a failed handshake is counted and told as. `name` is whom the client asked for.
pub(super) fn reason(error: &io::Error, name: Option<&str>) -> Refused {
    let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return if error.kind() == io::ErrorKind::TimedOut { Refused::Timeout } else { Refused::Closed };
    };
    match error {
        Error::NoCertificatesPresented if name == Some(HEALTH_NAME) => Refused::Health,
        Error::NoCertificatesPresented => Refused::NoCertificate,
        Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => Refused::UnknownIssuer,
            CertificateError::Expired => Refused::Expired,
            CertificateError::NotValidYet => Refused::NotYetValid,
            CertificateError::InvalidPurpose => Refused::Purpose,
            CertificateError::ApplicationVerificationFailure => Refused::Name,
            CertificateError::Other(OtherError(error))
                if error.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
            {
                Refused::CaCertificate
            }
            _ => Refused::Certificate,
        },
        Error::PeerIncompatible(_) => Refused::Incompatible,
        Error::AlertReceived(_) => Refused::ByClient,
        Error::InvalidMessage(_) => Refused::NotTls,
        _ => Refused::Other,
    }
}
