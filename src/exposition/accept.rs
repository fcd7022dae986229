//! Which format and coding a scrape is answered in.
//!
//! `Accept` and `Accept-Encoding` with their q-values. What nobody asked for, or nobody understands, is
//! answered with text 0.0.4 and no coding: a scrape never fails over a header.

/// An exposition format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionFormat {
    Text004,
    OpenMetrics,
}

impl ExpositionFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            ExpositionFormat::Text004 => "text/plain; version=0.0.4; charset=utf-8",
            ExpositionFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format of an `Accept` header: the one with the larger q-value, text where both are equal.
    pub fn negotiate(accept: &str) -> ExpositionFormat {
        let mut best = (0, ExpositionFormat::Text004);
        for (quality, media) in weighted(accept) {
            let Some(format) = media_type(media) else { continue };
            let better = quality > best.0 || (quality == best.0 && format == ExpositionFormat::Text004);
            if quality > 0 && better {
                best = (quality, format);
            }
        }
        best.1
    }
}

/// Whether an `Accept-Encoding` header allows gzip at least as much as no coding.
pub fn accepts_gzip(accept_encoding: &str) -> bool {
    let (mut gzip, mut identity, mut any) = (None, None, None);
    for (quality, coding) in weighted(accept_encoding) {
        let coding = coding.split(';').next().unwrap_or_default().trim();
        match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(quality),
            "identity" => identity = Some(quality),
            "*" => any = Some(quality),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

fn media_type(media: &str) -> Option<ExpositionFormat> {
    let mut parts = media.split(';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let version = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("version").then(|| value.trim().trim_matches('"').to_owned())
    });
    match (name.as_str(), version.as_deref()) {
        ("application/openmetrics-text", None | Some("1.0.0")) => Some(ExpositionFormat::OpenMetrics),
        ("text/plain" | "text/*" | "*/*", _) => Some(ExpositionFormat::Text004),
        _ => None,
    }
}

/// The entries of a header with their q-values in thousandths; entries with a broken one are passed over.
fn weighted(header: &str) -> impl Iterator<Item = (u16, &str)> {
    header.split(',').filter_map(|entry| {
        let quality = entry.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
        });
        Some((quality.map_or(Some(1000), thousandths)?, entry.trim()))
    })
}

/// A q-value: `0` to `1` with up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match (whole, decimals) {
        ("0", _) => Some(decimals),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_clients_get_the_format_they_ask_for() {
        let prometheus3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, format) in [
            (prometheus3, ExpositionFormat::OpenMetrics),
            (prometheus2, ExpositionFormat::OpenMetrics),
            ("text/plain;version=0.0.4;q=1,*/*;q=0.1", ExpositionFormat::Text004),
            (browser, ExpositionFormat::Text004),
            ("*/*", ExpositionFormat::Text004),
            ("", ExpositionFormat::Text004),
            ("application/openmetrics-text", ExpositionFormat::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", ExpositionFormat::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", ExpositionFormat::Text004),
            ("application/openmetrics-text; q=0", ExpositionFormat::Text004),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.5", ExpositionFormat::Text004),
            ("application/openmetrics-text;q=2", ExpositionFormat::Text004),
            ("application/json", ExpositionFormat::Text004),
            (";;;,,,=;q=", ExpositionFormat::Text004),
        ] {
            assert_eq!(ExpositionFormat::negotiate(accept), format, "{accept}");
        }
    }

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        for (header, gzip) in [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("GZip;q=0.5", true),
            ("*", true),
            ("x-gzip", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0", false),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip;q=0.3, identity;q=0.5", false),
            ("br", false),
            ("gzip;q=x", false),
            ("gzipped", false),
        ] {
            assert_eq!(accepts_gzip(header), gzip, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_crashes_the_parser(header in "\\PC{0,60}") {
            ExpositionFormat::negotiate(&header);
            accepts_gzip(&header);
        }
    }
}
