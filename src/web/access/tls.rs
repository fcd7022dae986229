//! The certificate, versions and ciphers that TLS is spoken with.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::client_certificate::{AllowedSan, ClientPolicy, Roots};
use super::file::{ClientAuth, Tls, Version};
use super::web_config::Reader;
use crate::yaml::{At, ConfigError, FilePlace, quoted};

/// The groups for key exchange, as Go names them.
const CURVES: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", ring::kx_group::X25519),
    ("CurveP256", ring::kx_group::SECP256R1),
    ("CurveP384", ring::kx_group::SECP384R1),
];

type Files<'f> = (&'f Option<At<String>>, &'f Option<At<String>>);

impl Reader<'_> {
    /// How TLS is to be spoken, with everything that it needs read and checked.
    pub(super) fn server_config(&self, tls: &At<Tls>) -> Result<ServerConfig, ConfigError> {
        let (place, tls) = (tls.place, &tls.value);
        let (chain, cert_place) = self
            .certificates(["cert_file", "cert"], (&tls.cert_file, &tls.cert))?
            .ok_or_else(|| self.wrong(place, "tls_server_config has neither cert_file nor cert"))?;
        let (key, _) =
            self.key(tls)?.ok_or_else(|| self.wrong(place, "tls_server_config has neither key_file nor key"))?;
        let provider = Arc::new(self.provider(tls)?);
        let clients = self.clients(tls, &provider)?;
        let unusable = |error: rustls::Error| {
            self.wrong(cert_place, format!("TLS cannot be spoken like this: {error}"))
                .hint("do certificate and key belong together, and does a cipher suite fit both versions and key?")
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions(tls)?)
            .map_err(unusable)?;
        let mut config = match clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::new(clients)),
            None => builder.with_no_client_auth(),
        }
        .with_single_cert(chain, key)
        .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
        // A session that is taken up again would not show its certificate again, although that may have expired.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// What a file or the text in place of it holds, and where the web config says so.
    fn pem(&self, keys: [&str; 2], (file, text): Files<'_>) -> Result<Option<(Vec<u8>, FilePlace)>, ConfigError> {
        // A blank value is none, as in exporter-toolkit.
        let [file, text] = [file, text].map(|value| value.as_ref().filter(|value| !value.value.is_empty()));
        match (file, text) {
            (None, None) => Ok(None),
            (Some(_), Some(both)) => {
                Err(self.wrong(both.place, format!("{} and {} exclude each other", keys[0], keys[1])))
            }
            (None, Some(text)) => Ok(Some((text.value.clone().into_bytes(), text.place))),
            (Some(file), None) => {
                let path =
                    self.path.parent().map_or_else(|| file.value.clone().into(), |folder| folder.join(&file.value));
                let bytes = self.sources.read(&path).map_err(|error| {
                    let what = format!("the {} cannot be read: {error}", keys[0]);
                    self.wrong(file.place, what).hint(
                        "it must be readable by the exporter's user; a relative path starts at the web config's folder",
                    )
                })?;
                Ok(Some((bytes, file.place)))
            }
        }
    }

    fn certificates(
        &self,
        keys: [&str; 2],
        files: Files<'_>,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, FilePlace)>, ConfigError> {
        let Some((pem, place)) = self.pem(keys, files)? else { return Ok(None) };
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        match read {
            Ok(chain) if !chain.is_empty() => Ok(Some((chain, place))),
            _ => Err(self
                .wrong(place, format!("{} holds no certificate in PEM", keys[0]))
                .hint("it begins with -----BEGIN CERTIFICATE-----")),
        }
    }

    /// A key is never told of in any detail.
    fn key(&self, tls: &Tls) -> Result<Option<(PrivateKeyDer<'static>, FilePlace)>, ConfigError> {
        let Some((pem, place)) = self.pem(["key_file", "key"], (&tls.key_file, &tls.key))? else { return Ok(None) };
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            self.wrong(place, "key_file holds no private key in PEM")
                .hint("it begins with -----BEGIN PRIVATE KEY-----, and has no passphrase")
        })?;
        Ok(Some((key, place)))
    }

    fn versions(&self, tls: &Tls) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
        for (key, version) in [("min_version", &tls.min_version), ("max_version", &tls.max_version)] {
            if let Some(old) = version.as_ref().filter(|version| version.value < Version::Tls12) {
                return Err(self
                    .wrong(old.place, format!("{key} is older than TLS 1.2, which this exporter does not speak"))
                    .hint("use TLS12 or TLS13"));
            }
        }
        let least = tls.min_version.as_ref().map_or(Version::Tls12, |version| version.value);
        let most = tls.max_version.as_ref().map_or(Version::Tls13, |version| version.value);
        match (least, most) {
            (Version::Tls13, Version::Tls13) => Ok(vec![&TLS13]),
            (_, Version::Tls13) => Ok(vec![&TLS13, &TLS12]),
            (Version::Tls13, _) => {
                let place = tls.max_version.as_ref().map_or(FilePlace::default(), |version| version.place);
                Err(self.wrong(place, "max_version is below min_version"))
            }
            _ => Ok(vec![&TLS12]),
        }
    }

    /// Ciphers and groups. Those of TLS 1.3 cannot be chosen, as in Go: all of them are sound.
    fn provider(&self, tls: &Tls) -> Result<CryptoProvider, ConfigError> {
        let mut provider = ring::default_provider();
        if let Some(named) = tls.cipher_suites.as_ref().filter(|named| !named.value.is_empty()) {
            let (mut suites, old): (Vec<_>, Vec<_>) =
                provider.cipher_suites.iter().partition(|suite| suite.tls13().is_some());
            for name in &named.value {
                let known = provider.cipher_suites.iter().find(|suite| go_name(suite) == name.value);
                let known = known.ok_or_else(|| {
                    let names: Vec<String> = old.iter().map(go_name).collect();
                    self.wrong(name.place, format!("cipher suite {} is not offered", quoted(&name.value)))
                        .hint(format!("those of TLS 1.2 are {}", names.join(", ")))
                })?;
                if !suites.contains(known) {
                    suites.push(*known);
                }
            }
            provider.cipher_suites = suites;
        }
        if let Some(named) = tls.curve_preferences.as_ref().filter(|named| !named.value.is_empty()) {
            let groups = named.value.iter().map(|name| {
                let known = CURVES.iter().find(|(known, _)| *known == name.value);
                known.map(|(_, group)| *group).ok_or_else(|| {
                    self.wrong(name.place, format!("curve {} is not offered", quoted(&name.value)))
                        .hint(format!("the curves are {}", CURVES.map(|(name, _)| name).join(", ")))
                })
            });
            provider.kx_groups = groups.collect::<Result<_, _>>()?;
        }
        Ok(provider)
    }

    /// Which certificate clients must show; `None`: no certificate is asked for.
    fn clients(&self, tls: &Tls, provider: &CryptoProvider) -> Result<Option<ClientPolicy>, ConfigError> {
        let auth = tls.client_auth_type.as_ref().map_or(ClientAuth::NoClientCert, |auth| auth.value);
        let place = tls.client_auth_type.as_ref().map_or(FilePlace::default(), |auth| auth.place);
        let roots = self.certificates(["client_ca_file", "client_ca"], (&tls.client_ca_file, &tls.client_ca))?;
        let sans = self.sans(tls, auth)?;
        let mandatory = matches!(auth, ClientAuth::RequireAnyClientCert | ClientAuth::RequireAndVerifyClientCert);
        match (auth, roots) {
            (ClientAuth::NoClientCert, None) => Ok(None),
            (ClientAuth::NoClientCert, Some((_, place))) => Err(self
                .wrong(
                    place,
                    "there is a client CA but no client_auth_type, so that nobody would be asked for a certificate",
                )
                .hint("add client_auth_type: RequireAndVerifyClientCert")),
            (ClientAuth::RequestClientCert | ClientAuth::RequireAnyClientCert, _) => {
                Ok(Some(ClientPolicy::new(mandatory, sans, provider, None)))
            }
            (_, None) => Err(self
                .wrong(
                    place,
                    "client_auth_type asks to verify certificates, but there is no client_ca_file or client_ca",
                )
                .hint(
                    "name the CA that signs your clients' certificates: the machine's own roots would let strangers in",
                )),
            (_, Some((roots, place))) => {
                let roots = Roots::read(roots)
                    .map_err(|error| self.wrong(place, format!("the client CA cannot be used: {error}")))?;
                Ok(Some(ClientPolicy::new(mandatory, sans, provider, Some(roots))))
            }
        }
    }

    fn sans(&self, tls: &Tls, auth: ClientAuth) -> Result<Vec<AllowedSan>, ConfigError> {
        let Some(named) = &tls.client_allowed_sans else { return Ok(Vec::new()) };
        if named.value.is_empty() {
            return Err(self
                .wrong(named.place, "client_allowed_sans has no name: nobody could ever connect")
                .hint("leave it out to let in every certificate that client_auth_type does"));
        }
        if !matches!(auth, ClientAuth::RequireAnyClientCert | ClientAuth::RequireAndVerifyClientCert) {
            return Err(self
                .wrong(named.place, "client_allowed_sans needs every client to show a certificate")
                .hint("set client_auth_type: RequireAndVerifyClientCert"));
        }
        let sans = named.value.iter().map(|san| {
            AllowedSan::parse(&san.value).ok_or_else(|| {
                self.wrong(san.place, "an allowed SAN is blank or an e-mail address, which cannot be compared")
                    .hint("use a DNS name, an IP address or a URI of the client's certificate")
            })
        });
        sans.collect()
    }
}

/// rustls marks those of TLS 1.3, Go does not.
fn go_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}
