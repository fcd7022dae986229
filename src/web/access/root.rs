//! What a certificate of `client_ca_file` says about itself.
//!
//! webpki reads only the name and the key of a certificate that it is to trust. So it would let an expired certificate
//! sign, or one that is not a CA's; and it does not accept a CA's certificate as a client's own. The rest is read here,
//! once, and judged as Go does it. These are the operator's certificates; what a client sends is read by webpki alone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext};

const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
const ANY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];
/// The bit of a key usage that lets its key sign certificates.
const SIGNS_CERTIFICATES: u8 = 0b100;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;

/// A certificate of the client CA file.
#[derive(Debug)]
pub(super) struct Root {
    pub der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    /// Seconds since 1970.
    valid: [i64; 2],
    /// `None`: it is no CA's.
    signs: Option<Signs>,
    for_clients: bool,
}

/// How many certificates may stand between it and a client's, if it says so.
#[derive(Clone, Copy, Debug)]
struct Signs(Option<usize>);

/// The purposes that Go takes for a client's: its own, any, or none given.
pub(super) struct ForClients;

impl Root {
    /// `None` where a part of it has no meaning.
    pub fn read(der: CertificateDer<'static>, anchor: TrustAnchor<'static>) -> Option<Root> {
        let (_, mut certificate) = next(&mut &*der)?;
        let (_, mut body) = next(&mut certificate)?;
        let has_version = body.first() == Some(&VERSION);
        // Perhaps the version, then serial number, algorithm and issuer.
        for _ in 0..3 + usize::from(has_version) {
            next(&mut body)?;
        }
        let (_, mut validity) = next(&mut body)?;
        let valid = [time(next(&mut validity)?)?, time(next(&mut validity)?)?];
        let extension = |id| extension(body, id);
        let signs = match extension(BASIC_CONSTRAINTS) {
            // Certificates of version 1 have no way to say so.
            None => (!has_version).then_some(Signs(None)),
            Some(mut constraints) => signs(next(&mut constraints)?.1),
        };
        let may_sign = extension(KEY_USAGE).is_none_or(|mut usage| {
            let bits = next(&mut usage).map_or(&[][..], |(_, bits)| bits);
            bits.get(1).is_some_and(|bits| bits & SIGNS_CERTIFICATES != 0)
        });
        let for_clients = extension(EXTENDED_KEY_USAGE).is_none_or(|mut usages| {
            let mut usages = next(&mut usages).map_or(&[][..], |(_, usages)| usages);
            std::iter::from_fn(|| next(&mut usages)).any(|(_, usage)| [CLIENT_AUTH, ANY_USAGE].contains(&usage))
        });
        Some(Root { anchor, valid, signs: signs.filter(|_| may_sign), for_clients, der })
    }

    /// Whether it may be a client's own certificate now.
    pub fn check_own(&self, now: UnixTime) -> Result<(), Error> {
        let [from, until] = self.valid;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if seconds < from {
            return Err(Error::CertNotValidYet { time: now, not_before: unix_time(from) });
        }
        if seconds > until {
            return Err(Error::CertExpired { time: now, not_after: unix_time(until) });
        }
        if self.for_clients { Ok(()) } else { Err(not_for_clients(Vec::new())) }
    }

    /// Whether it may have signed a client's certificate with so many between the two.
    pub fn check_signer(&self, now: UnixTime, between: usize) -> Result<(), Error> {
        self.check_own(now)?;
        match self.signs {
            None => Err(Error::EndEntityUsedAsCa),
            Some(Signs(Some(most))) if between > most => Err(Error::PathLenConstraintViolated),
            Some(_) => Ok(()),
        }
    }

    pub fn is(&self, anchor: &TrustAnchor<'_>) -> bool {
        self.anchor == *anchor
    }
}

impl ExtendedKeyUsageValidator for ForClients {
    fn validate(&self, given: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut others = Vec::new();
        for purpose in given {
            let purpose = purpose?;
            if [CLIENT_AUTH, ANY_USAGE].map(KeyPurposeId::new).contains(&purpose) {
                return Ok(());
            }
            others.push(purpose.to_decoded_oid());
        }
        if others.is_empty() { Ok(()) } else { Err(not_for_clients(others)) }
    }
}

fn not_for_clients(present: Vec<Vec<usize>>) -> Error {
    Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext { required: KeyUsage::client_auth(), present })
}

/// The next value of a text in DER: its tag, and what it holds.
fn next<'d>(der: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        // A long one stands in as many bytes as the first says.
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes.iter().try_fold(0_usize, |length, &byte| length.checked_mul(256)?.checked_add(byte.into()));
        (length?, rest)
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some((tag, value))
}

/// What an extension says, from what follows a certificate's validity.
fn extension<'d>(mut body: &'d [u8], id: &[u8]) -> Option<&'d [u8]> {
    let mut list = std::iter::from_fn(|| next(&mut body)).find(|(tag, _)| *tag == EXTENSIONS)?.1;
    let (_, mut extensions) = next(&mut list)?;
    std::iter::from_fn(|| next(&mut extensions)).find_map(|(_, mut extension)| {
        let (_, found) = next(&mut extension)?;
        // Between the two may stand whether it is critical.
        let (_, value) = std::iter::from_fn(|| next(&mut extension)).last()?;
        (found == id).then_some(value)
    })
}

fn signs(mut constraints: &[u8]) -> Option<Signs> {
    let (tag, is_ca) = next(&mut constraints)?;
    let between = next(&mut constraints).filter(|(tag, _)| *tag == INTEGER);
    let most = between.map(|(_, number)| number.iter().fold(0_usize, |most, &byte| most << 8 | usize::from(byte)));
    (tag == BOOLEAN && is_ca.iter().any(|&byte| byte != 0)).then_some(Signs(most))
}

fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let text = match tag {
        // Two digits of the year: up to 49 they are of this century.
        UTC_TIME => format!("{}{text}", if text < "50" { "20" } else { "19" }),
        _ => text.to_owned(),
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn unix_time(seconds: i64) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds.try_into().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
    use rustls::RootCertStore;

    use super::*;

    fn root(change: impl FnOnce(&mut CertificateParams)) -> Root {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(1960, 1, 1), rcgen::date_time_ymd(2060, 1, 1));
        change(&mut params);
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone();
        let mut store = RootCertStore::empty();
        store.add(der.clone()).unwrap();
        Root::read(der, store.roots.pop().unwrap()).unwrap()
    }

    #[test]
    fn what_a_certificate_of_the_ca_file_may_do_is_judged_as_go_does() {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000));
        let ca = |constraint| move |params: &mut CertificateParams| params.is_ca = IsCa::Ca(constraint);
        let plain = root(ca(BasicConstraints::Unconstrained));
        assert_eq!(plain.valid, [-315_619_200, 2_840_140_800]);
        assert_eq!([plain.check_own(now), plain.check_signer(now, 7)], [Ok(()), Ok(())]);

        let short = root(ca(BasicConstraints::Constrained(1)));
        assert_eq!(short.check_signer(now, 1), Ok(()));
        assert_eq!(short.check_signer(now, 2), Err(Error::PathLenConstraintViolated));

        for (usages, signs) in
            [(vec![KeyUsagePurpose::KeyCertSign], true), (vec![KeyUsagePurpose::DigitalSignature], false)]
        {
            let root = root(|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                params.key_usages = usages;
            });
            assert_eq!(root.check_own(now), Ok(()));
            assert_eq!(root.check_signer(now, 0).is_ok(), signs);
        }
        for not_a_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
            let root = root(|params| params.is_ca = not_a_ca);
            assert_eq!([root.check_own(now), root.check_signer(now, 0)], [Ok(()), Err(Error::EndEntityUsedAsCa)]);
        }
        for (purpose, right) in [
            (ExtendedKeyUsagePurpose::ClientAuth, true),
            (ExtendedKeyUsagePurpose::Any, true),
            (ExtendedKeyUsagePurpose::ServerAuth, false),
        ] {
            let root = root(|params| params.extended_key_usages = vec![purpose]);
            assert_eq!(root.check_own(now).is_ok(), right);
        }
        for at in [0_u64, 2_840_140_801] {
            let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at));
            assert_eq!(plain.check_own(at).is_ok(), at.as_secs() == 0);
        }
    }

    #[test]
    fn no_cut_of_a_certificate_is_read_beyond_its_end() {
        let whole = root(|_| {});
        for end in 0..whole.der.len() {
            let cut = CertificateDer::from(whole.der[..end].to_vec());
            assert!(Root::read(cut, whole.anchor.clone()).is_none(), "{end}");
        }
    }
}
