//! A scrape as the body of an HTTP response.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body as Plain, HttpBody};
use axum::http::Response;
use axum::http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};

use crate::exposition::{Chunk, Scrape, ScrapePieces};

/// Lets a scrape travel beside an empty body.
pub(super) fn of_scrape(scrape: Response<Scrape>) -> Response<Plain> {
    let (mut head, scrape) = scrape.into_parts();
    // Else axum would tell the length of the body that it sees.
    head.headers.insert(CONTENT_LENGTH, scrape.length().into());
    head.extensions.insert(scrape);
    Response::from_parts(head, Plain::empty())
}

/// The body that a response is sent with.
pub(super) enum ScrapeBody {
    Scrape(ScrapePieces),
    Plain(Plain),
}

/// Takes the scrape out again, behind all that axum does.
pub(super) fn unwrap_scrape(mut response: Response<Plain>) -> Response<ScrapeBody> {
    match response.extensions_mut().remove::<Scrape>() {
        Some(scrape) => response.map(|_| ScrapeBody::Scrape(scrape.into())),
        None => response.map(ScrapeBody::Plain),
    }
}

impl HttpBody for ScrapeBody {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        match self.get_mut() {
            ScrapeBody::Scrape(pieces) => Pin::new(pieces).poll_frame(context).map_err(axum::Error::new),
            ScrapeBody::Plain(plain) => {
                Pin::new(plain).poll_frame(context).map_ok(|frame| frame.map_data(Chunk::Whole))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ScrapeBody::Scrape(pieces) => pieces.is_end_stream(),
            ScrapeBody::Plain(plain) => plain.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ScrapeBody::Scrape(pieces) => pieces.size_hint(),
            ScrapeBody::Plain(plain) => plain.size_hint(),
        }
    }
}
