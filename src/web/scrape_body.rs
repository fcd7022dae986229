//! A scrape as the body of an HTTP response.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body as Plain, HttpBody};
use axum::http::Response;
use axum::http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};

use crate::exposition::{Body as Pieces, Chunk, Scrape};

/// Lets a scrape travel beside an empty body.
pub(super) fn of_scrape(scrape: Response<Scrape>) -> Response<Plain> {
    let (mut head, scrape) = scrape.into_parts();
    // Else axum would tell the length of the body that it sees.
    head.headers.insert(CONTENT_LENGTH, scrape.length().into());
    head.extensions.insert(scrape);
    Response::from_parts(head, Plain::empty())
}

/// The body that a response is sent with.
pub(super) enum Answer {
    Scrape(Pieces),
    Plain(Plain),
}

/// Takes the scrape out again, behind all that axum does.
pub(super) fn sent(mut response: Response<Plain>) -> Response<Answer> {
    match response.extensions_mut().remove::<Scrape>() {
        Some(scrape) => response.map(|_| Answer::Scrape(scrape.into())),
        None => response.map(Answer::Plain),
    }
}

impl HttpBody for Answer {
    type Data = Chunk;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, axum::Error>>> {
        match self.get_mut() {
            Answer::Scrape(pieces) => Pin::new(pieces).poll_frame(context).map_err(axum::Error::new),
            Answer::Plain(plain) => Pin::new(plain).poll_frame(context).map_ok(|frame| frame.map_data(Chunk::Whole)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Scrape(pieces) => pieces.is_end_stream(),
            Answer::Plain(plain) => plain.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Scrape(pieces) => pieces.size_hint(),
            Answer::Plain(plain) => plain.size_hint(),
        }
    }
}
