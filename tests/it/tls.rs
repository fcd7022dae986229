//! Is TLS spoken with those only who may, and does it go on while certificates change?

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::access::{alice, login};
use crate::certificates::{Authority, Identity, Purpose};
use crate::child::{exporter, run};
use crate::http::{self, Answer};
use crate::prometheus::{Scraping, query};
use crate::scraped::Scraped;
use crate::stage::{Plot, Stage, WEB_CONFIG_FILE, until};

const MUTUAL: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: CA\n";

/// An authority that signed the server's certificate and may sign clients'.
struct Pki {
    ca: Authority,
    folder: TempDir,
}

impl Pki {
    fn new() -> Pki {
        let pki = Pki { ca: Authority::new("tests"), folder: tempfile::tempdir().expect("a temporary folder") };
        pki.ca.sign(Purpose::Server, "localhost").write(pki.folder.path(), "server");
        pki.ca.sign(Purpose::Client, "prometheus.example").write(pki.folder.path(), "client");
        std::fs::write(pki.folder.path().join("ca.pem"), &pki.ca.pem).expect("a writable folder");
        pki
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A web config with this server's certificate; `CA` in `more` is the authority's file.
    fn web_config(&self, more: &str) -> String {
        let more = more.replace("CA\n", &format!("{}\n", self.path("ca.pem")));
        format!(
            "tls_server_config:\n  cert_file: {}\n  key_file: {}\n{more}",
            self.path("server.crt"),
            self.path("server.key")
        )
    }

    async fn stage(&self, more: &str) -> Stage {
        Stage::curtain(Plot { web_config: Some(self.web_config(more)), ..Plot::frozen() }).await
    }

    fn client(&self) -> Client {
        Client { ca: self.ca.pem.clone(), identity: None, versions: vec![&TLS12, &TLS13] }
    }

    fn client_with(&self, identity: Identity) -> Client {
        Client { identity: Some(identity), ..self.client() }
    }
}

/// Somebody who speaks TLS.
#[derive(Clone)]
struct Client {
    ca: String,
    identity: Option<Identity>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl Client {
    fn connector(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("a certificate")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.der();
                builder.with_client_auth_cert(chain, key).expect("a key that fits")
            }
        };
        TlsConnector::from(Arc::new(config))
    }

    /// One request, and the certificate that the server showed; nothing where TLS is refused.
    async fn get(&self, address: SocketAddr, path: &str, headers: &str) -> Option<(Answer, Vec<u8>)> {
        let stream = TcpStream::connect(address).await.expect("the exporter listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut stream = self.connector().connect(name, stream).await.ok()?;
        let shown = stream.get_ref().1.peer_certificates()?.first()?.to_vec();
        // With TLS 1.3 a client hears only now that its certificate is refused.
        let said = http::talk(&mut stream, http::request(path, headers).as_bytes()).await;
        (!said.is_empty()).then(|| (Answer::parse(&said), shown))
    }

    async fn status(&self, address: SocketAddr) -> Option<u16> {
        Some(self.get(address, "/-/healthy", "").await?.0.status)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_client_without_the_right_certificate_hears_nothing() {
    let pki = Pki::new();
    let stage = pki.stage(MUTUAL).await;
    let stranger = Authority::new("tests");
    let right = pki.client_with(pki.ca.sign(Purpose::Client, "a.example"));
    for versions in [&TLS12, &TLS13] {
        assert_eq!(Client { versions: vec![versions], ..right.clone() }.status(stage.address).await, Some(200));
    }
    for (what, client) in [
        ("none", pki.client()),
        ("another authority's of the same name", pki.client_with(stranger.sign(Purpose::Client, "a.example"))),
        ("its own", pki.client_with(Identity::self_signed(Purpose::Client, "a.example"))),
        ("an expired one", pki.client_with(pki.ca.sign(Purpose::ExpiredClient, "a.example"))),
        ("a server's", pki.client_with(pki.ca.sign(Purpose::Server, "a.example"))),
    ] {
        for versions in [&TLS12, &TLS13] {
            let client = Client { versions: vec![versions], ..client.clone() };
            assert_eq!(client.status(stage.address).await, None, "{what}");
        }
    }
    let (answer, _) = right.get(stage.address, "/metrics", "").await.expect("an answer");
    let refused =
        Scraped::parse(&answer.text()).value("wolkvox_exporter_http_refusals_total", &["reason=\"handshake\""]);
    assert_eq!(refused, Some(10.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_certificate_with_another_name_is_refused() {
    let pki = Pki::new();
    let sans = "  client_allowed_sans: [prometheus.example, \"spiffe://example/prometheus\", 192.0.2.7]\n";
    for auth in [MUTUAL, "  client_auth_type: RequireAnyClientCert\n"] {
        let stage = pki.stage(&format!("{auth}{sans}")).await;
        for name in ["prometheus.example", "spiffe://example/prometheus", "192.0.2.7"] {
            let client = pki.client_with(pki.ca.sign(Purpose::Client, name));
            assert_eq!(client.status(stage.address).await, Some(200), "{name}");
        }
        for name in ["other.example", "*.example", "x.prometheus.example", "spiffe://example/", "192.0.2.8"] {
            let client = pki.client_with(pki.ca.sign(Purpose::Client, name));
            assert_eq!(client.status(stage.address).await, None, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_kinds_of_client_authentication_ask_for_what_they_say() {
    let pki = Pki::new();
    let (none, own, signed) = (
        pki.client(),
        pki.client_with(Identity::self_signed(Purpose::Client, "a.example")),
        pki.client_with(pki.ca.sign(Purpose::Client, "a.example")),
    );
    let ca = "  client_ca_file: CA\n";
    for (auth, ca, expected) in [
        ("NoClientCert", "", [true, true, true]),
        ("RequestClientCert", "", [true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true]),
        ("VerifyClientCertIfGiven", ca, [true, false, true]),
        ("RequireAndVerifyClientCert", ca, [false, false, true]),
    ] {
        let stage = pki.stage(&format!("  client_auth_type: {auth}\n{ca}")).await;
        for (client, expected) in [&none, &own, &signed].into_iter().zip(expected) {
            assert_eq!(client.status(stage.address).await.is_some(), expected, "{auth}");
        }
    }
}

/// The start of a TLS 1.0 conversation, with the one cipher suite that everything of that time knew.
fn old_hello() -> Vec<u8> {
    let body = [&[3, 1][..], &[7; 32], &[0], &[0, 2, 0, 0x2f], &[1, 0]].concat();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short message");
    let handshake = [&[1, 0, 0, length(&body)][..], &body].concat();
    [&[22, 3, 1, 0, length(&handshake)][..], &handshake].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_below_the_minimum_is_refused_and_so_is_plain_http() {
    let pki = Pki::new();
    let only = |versions| Client { versions: vec![versions], ..pki.client() };
    for (more, old, new) in [
        ("", Some(200), Some(200)),
        ("  min_version: TLS13\n", None, Some(200)),
        ("  max_version: TLS12\n", Some(200), None),
        // No cipher suite of TLS 1.2 is left.
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", None, Some(200)),
    ] {
        let stage = pki.stage(more).await;
        assert_eq!(only(&TLS12).status(stage.address).await, old, "{more}");
        assert_eq!(only(&TLS13).status(stage.address).await, new, "{more}");
        let alert = http::talk(TcpStream::connect(stage.address).await.unwrap(), &old_hello()).await;
        // Nothing but an alert that ends it: no hello of the server's, and no certificate.
        assert_eq!((alert.first(), alert.get(5), alert.len()), (Some(&21), Some(&2), 7), "{alert:?}");
        let plain = http::talk(TcpStream::connect(stage.address).await.unwrap(), b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(!plain.starts_with(b"HTTP"), "{plain:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_speaks_tls_and_needs_no_certificate_of_its_own() {
    let pki = Pki::new();
    for more in ["", MUTUAL] {
        let stage = pki.stage(more).await;
        let web_config = format!("--web.config.file={}", stage.config.path().join(WEB_CONFIG_FILE).display());
        let listens = format!("--web.listen-address={}", stage.address);
        let alive = exporter(&["health", &listens, &web_config]).await;
        assert_eq!(alive.code, Some(0), "{more}{alive:?}");
        // Somebody who speaks no TLS there is not this exporter.
        let plain = exporter(&["health", &listens]).await;
        assert_eq!(plain.code, Some(1), "{more}{plain:?}");
    }
}

/// What is in place of the old certificate for a moment does not fit it: files are not replaced at one stroke.
async fn replace(identity: &Identity, folder: &Path) {
    std::fs::write(folder.join("server.crt"), &identity.certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    std::fs::write(folder.join("server.key"), &identity.key).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load_without_a_dropped_scrape() {
    let pki = Pki::new();
    let stage = pki.stage(MUTUAL).await;
    let address = stage.address;
    let client = pki.client_with(pki.ca.sign(Purpose::Client, "a.example"));
    let (stop, scrapes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (client, stop, scrapes) = (client.clone(), Arc::clone(&stop), Arc::clone(&scrapes));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let (answer, _) = client.get(address, "/metrics", "").await.expect("a dropped scrape");
                    assert_eq!(answer.status, 200);
                    scrapes.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            })
        })
        .collect();
    for _ in 0..2 {
        let next = pki.ca.sign(Purpose::Server, "localhost");
        replace(&next, pki.folder.path()).await;
        let new = next.der().0[0].to_vec();
        until("the new certificate", async || {
            let (_, shown) = client.get(address, "/-/healthy", "").await.expect("a dropped request");
            (shown == new).then_some(())
        })
        .await;
    }
    stop.store(true, Ordering::Relaxed);
    for one in load {
        one.await.unwrap();
    }
    println!("{} scrapes over two replacements, none dropped", scrapes.load(Ordering::Relaxed));
    assert!(scrapes.load(Ordering::Relaxed) > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_over_mutual_tls_with_a_password_and_curl_without_them_is_refused() {
    let pki = Pki::new();
    let stage = pki.stage(&format!("{MUTUAL}{}", alice())).await;
    let url = format!("https://localhost:{}/metrics", stage.address.port());
    let (ca, crt, key) = (pki.path("ca.pem"), pki.path("client.crt"), pki.path("client.key"));
    let curl = async |more: &[&str]| {
        let fixed = ["-sS", "-4", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", &ca, &url];
        run("curl", &[&fixed, more].concat(), b"").await
    };
    let certificate = ["--cert", crt.as_str(), "--key", &key];
    let header = login().trim_end().to_owned();
    let without = curl(&["-H", &header]).await;
    assert!(without.code != Some(0) && without.stdout == "000", "{without:?}");
    assert_eq!(curl(&certificate).await.stdout, "401");
    let with = curl(&[&certificate[..], &["-H", &header]].concat()).await;
    assert_eq!((with.code, with.stdout.as_str()), (Some(0), "200"), "{with:?}");

    let access = format!(
        "scheme: https, tls_config: {{ca_file: {ca}, cert_file: {crt}, key_file: {key}, server_name: localhost}}, \
         basic_auth: {{username: alice, password: {}}},",
        crate::access::PASSWORD
    );
    let folder = tempfile::tempdir().unwrap();
    let scraping = Scraping::with_job(folder, stage.address, &access, "");
    until("a scrape", async || {
        let up = query(scraping.address, "up{job=\"wolkvox\"} == 1 and on() wolkvox_report_up").await;
        (!up.is_empty()).then_some(())
    })
    .await;
}
