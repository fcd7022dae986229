//! TLS is spoken with those only who may, and goes on while certificates change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::access::{alice, login};
use rcgen::ExtendedKeyUsagePurpose;

use crate::prometheus::{Scraping, query};
use crate::support::certificates::{Authority, Identity, Purpose, expired};
use crate::support::child::{EXPORTER, Running, exporter, run};
use crate::support::harness::{Harness, Setup, WEB_CONFIG_FILE, until};
use crate::support::http::{self, Answer};
use crate::support::scraped::Scraped;

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

    async fn harness(&self, more: &str) -> Harness {
        Harness::start_unpolled(Setup { web_config: Some(self.web_config(more)), ..Setup::frozen() }).await
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
                let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
                // Not the plain way, which refuses a key that does not fit.
                let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
                builder.with_client_cert_resolver(Arc::new(shown))
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
    let harness = pki.harness(MUTUAL).await;
    let stranger = Authority::new("tests");
    let right = pki.client_with(pki.ca.sign(Purpose::Client, "a.example"));
    for versions in [&TLS12, &TLS13] {
        assert_eq!(Client { versions: vec![versions], ..right.clone() }.status(harness.address).await, Some(200));
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
            assert_eq!(client.status(harness.address).await, None, "{what}");
        }
    }
    let (answer, _) = right.get(harness.address, "/metrics", "").await.expect("an answer");
    let refused =
        Scraped::parse(&answer.text()).value("wolkvox_exporter_http_refusals_total", &["reason=\"handshake\""]);
    assert_eq!(refused, Some(10.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_own_certificate_in_the_ca_file_is_taken_even_if_it_is_a_cas() {
    let pki = Pki::new();
    let named = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("a.example".try_into().expect("ASCII"))];
    };
    let own = [
        Authority::with("own", named).itself(),
        Authority::with("own", |params| {
            named(params);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
        })
        .itself(),
        Identity::self_signed(Purpose::Client, "a.example"),
        // Signed by somebody who is not in the file.
        Authority::new("elsewhere").sign(Purpose::Client, "a.example"),
    ];
    let all: String = own.iter().map(|identity| identity.certificate.as_str()).collect();
    std::fs::write(pki.folder.path().join("ca.pem"), format!("{}{all}", pki.ca.pem)).unwrap();
    for auth in ["RequireAndVerifyClientCert", "VerifyClientCertIfGiven"] {
        for sans in ["", "  client_allowed_sans: [a.example]\n"] {
            let sans = if auth.starts_with("Require") { sans } else { "" };
            let harness = pki.harness(&format!("  client_auth_type: {auth}\n  client_ca_file: CA\n{sans}")).await;
            for versions in [&TLS12, &TLS13] {
                for (number, identity) in own.iter().enumerate() {
                    let client = Client { versions: vec![versions], ..pki.client_with(identity.clone()) };
                    assert_eq!(client.status(harness.address).await, Some(200), "{auth} {number} {versions:?}");
                }
                let signed = pki.client_with(pki.ca.sign(Purpose::Client, "a.example"));
                let signed = Client { versions: vec![versions], ..signed };
                assert_eq!(signed.status(harness.address).await, Some(200), "{auth}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_being_in_the_ca_file_lets_in_nobody_else_and_nobody_for_longer() {
    let pki = Pki::new();
    let own = Authority::new("own");
    let old = Authority::with("old", expired);
    let web = Authority::with("web", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let plain = Identity::self_signed(Purpose::Client, "a.example");
    let all = [&own.pem, &old.pem, &web.pem, &plain.certificate].map(String::as_str).concat();
    std::fs::write(pki.folder.path().join("ca.pem"), all).unwrap();
    let stranger = Authority::new("own").itself();
    let stolen = Identity { certificate: own.itself().certificate, key: stranger.key.clone() };
    for auth in ["RequireAndVerifyClientCert", "VerifyClientCertIfGiven"] {
        let harness = pki.harness(&format!("  client_auth_type: {auth}\n  client_ca_file: CA\n")).await;
        for (what, identity) in [
            ("another one of the same name", stranger.clone()),
            ("the right one without its key", stolen.clone()),
            ("an expired one", old.itself()),
            ("one for servers", web.itself()),
            ("one that an expired CA signed", old.sign(Purpose::Client, "a.example")),
            ("one that a CA for servers signed", web.sign(Purpose::Client, "a.example")),
            ("one that another client signed", plain.sign(Purpose::Client, "a.example")),
        ] {
            for versions in [&TLS12, &TLS13] {
                let client = Client { versions: vec![versions], ..pki.client_with(identity.clone()) };
                assert_eq!(client.status(harness.address).await, None, "{auth}: {what}");
            }
        }
        let right = pki.client_with(own.sign(Purpose::Client, "a.example"));
        assert_eq!(right.status(harness.address).await, Some(200), "{auth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refused_handshake_is_counted_by_reason_and_told_once_without_what_the_certificate_says() {
    let pki = Pki::new();
    let web_config = pki.folder.path().join(WEB_CONFIG_FILE);
    std::fs::write(&web_config, pki.web_config(&format!("{MUTUAL}  client_allowed_sans: [a.example]\n"))).unwrap();
    let web_config = format!("--web.config.file={}", web_config.display());
    let mut process = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0", &web_config]);
    let address: SocketAddr = process.after("address=").await.parse().expect("an address");
    let sign = |purpose, name| pki.client_with(pki.ca.sign(purpose, name));
    let secret = "s3cr3t-name.example";
    let untrusting = Client { ca: Authority::new("another").pem, ..sign(Purpose::Client, "a.example") };
    for (reason, client) in [
        ("no_certificate", pki.client()),
        ("certificate_unknown_issuer", pki.client_with(Authority::new(secret).sign(Purpose::Client, secret))),
        ("certificate_expired", sign(Purpose::ExpiredClient, secret)),
        ("certificate_purpose", sign(Purpose::Server, secret)),
        ("certificate_name", sign(Purpose::Client, secret)),
        ("certificate_of_ca", pki.client_with(Authority::new(secret).itself())),
        ("refused_by_client", untrusting),
    ] {
        for _ in 0..3 {
            assert_eq!(client.status(address).await, None, "{reason}");
        }
    }
    for _ in 0..3 {
        http::talk(TcpStream::connect(address).await.unwrap(), b"GET / HTTP/1.1\r\n\r\n").await;
        http::talk(TcpStream::connect(address).await.unwrap(), &old_hello()).await;
        drop(TcpStream::connect(address).await.unwrap());
        let alive = exporter(&["health", &format!("--web.listen-address={address}"), &web_config]).await;
        assert_eq!(alive.code, Some(0), "{alive:?}");
    }
    let right = sign(Purpose::Client, "a.example");
    let told = [
        "no_certificate",
        "certificate_unknown_issuer",
        "certificate_expired",
        "certificate_purpose",
        "certificate_name",
        "certificate_of_ca",
        "refused_by_client",
        "not_tls",
        "incompatible",
    ];
    let scraped = until("all of them", async || {
        let scraped = Scraped::parse(&right.get(address, "/metrics", "").await?.0.text());
        let count = |reason: &str| {
            scraped.value("wolkvox_exporter_tls_handshake_refusals_total", &[&format!("reason=\"{reason}\"")])
        };
        let all = told.iter().chain(&["closed", "health"]).all(|reason| count(reason) == Some(3.0));
        all.then_some(scraped)
    })
    .await;
    let refused = scraped.value("wolkvox_exporter_http_refusals_total", &["reason=\"handshake\""]);
    assert_eq!(refused, Some(30.0), "all but the health checks");
    let (_, _, said) = process.terminate().await;
    for reason in told {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(&format!("reason={reason} "))).collect();
        let [line] = lines[..] else { panic!("{reason}: {said}") };
        assert!(line.contains("level=warn") && line.contains("client=127.0.0.1"), "{line}");
        assert!(line.contains("held_back=0") && line.contains("hint="), "{line}");
    }
    assert!(!said.contains("s3cr3t") && !said.contains("reason=health") && !said.contains("reason=closed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_certificate_with_another_name_is_refused() {
    let pki = Pki::new();
    let sans = "  client_allowed_sans: [prometheus.example, \"spiffe://example/prometheus\", 192.0.2.7]\n";
    for auth in [MUTUAL, "  client_auth_type: RequireAnyClientCert\n"] {
        let harness = pki.harness(&format!("{auth}{sans}")).await;
        for name in ["prometheus.example", "spiffe://example/prometheus", "192.0.2.7"] {
            let client = pki.client_with(pki.ca.sign(Purpose::Client, name));
            assert_eq!(client.status(harness.address).await, Some(200), "{name}");
        }
        for name in ["other.example", "*.example", "x.prometheus.example", "spiffe://example/", "192.0.2.8"] {
            let client = pki.client_with(pki.ca.sign(Purpose::Client, name));
            assert_eq!(client.status(harness.address).await, None, "{name}");
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
        let harness = pki.harness(&format!("  client_auth_type: {auth}\n{ca}")).await;
        for (client, expected) in [&none, &own, &signed].into_iter().zip(expected) {
            assert_eq!(client.status(harness.address).await.is_some(), expected, "{auth}");
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
        let harness = pki.harness(more).await;
        assert_eq!(only(&TLS12).status(harness.address).await, old, "{more}");
        assert_eq!(only(&TLS13).status(harness.address).await, new, "{more}");
        let alert = http::talk(TcpStream::connect(harness.address).await.unwrap(), &old_hello()).await;
        // Nothing but an alert that ends it: no hello of the server's, and no certificate.
        assert_eq!((alert.first(), alert.get(5), alert.len()), (Some(&21), Some(&2), 7), "{alert:?}");
        let plain = http::talk(TcpStream::connect(harness.address).await.unwrap(), b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(!plain.starts_with(b"HTTP"), "{plain:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_speaks_tls_and_needs_no_certificate_of_its_own() {
    let pki = Pki::new();
    for more in ["", MUTUAL] {
        let harness = pki.harness(more).await;
        let web_config = format!("--web.config.file={}", harness.config.path().join(WEB_CONFIG_FILE).display());
        let listens = format!("--web.listen-address={}", harness.address);
        let alive = exporter(&["health", &listens, &web_config]).await;
        assert_eq!(alive.code, Some(0), "{more}{alive:?}");
        // Somebody who speaks no TLS there is not this exporter.
        let plain = exporter(&["health", &listens]).await;
        assert_eq!(plain.code, Some(1), "{more}{plain:?}");
    }
}

/// What is in place of the old certificate for a moment does not fit it: files are not replaced at one stroke.
async fn replace(identity: &Identity, folder: &Path, refused: impl AsyncFn() -> bool) {
    std::fs::write(folder.join("server.crt"), &identity.certificate).unwrap();
    until("the half-replaced certificate is noticed", async || refused().await.then_some(())).await;
    std::fs::write(folder.join("server.key"), &identity.key).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_under_load_without_a_dropped_scrape() {
    let pki = Pki::new();
    let harness = pki.harness(MUTUAL).await;
    let address = harness.address;
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
        let refused = async || {
            let (answer, _) = client.get(address, "/metrics", "").await.expect("a dropped request");
            let page = Scraped::parse(&answer.text());
            page.value("wolkvox_exporter_web_config_last_reload_successful", &[]) == Some(0.0)
        };
        replace(&next, pki.folder.path(), refused).await;
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
    let harness = pki.harness(&format!("{MUTUAL}{}", alice())).await;
    let url = format!("https://localhost:{}/metrics", harness.address.port());
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
    let scraping = Scraping::with_job(folder, harness.address, &access, "");
    until("a scrape", async || {
        let up = query(scraping.address, "up{job=\"wolkvox\"} == 1 and on() wolkvox_report_up").await;
        (!up.is_empty()).then_some(())
    })
    .await;
}
