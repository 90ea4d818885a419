//! An answer that was given before, given again: a stream as a stream, in the same pieces.

use super::{
    Body, CACHE_CONTROL, CONTENT_TYPE, DROPPED, Response, StreamBody, describe, put, response,
};
use crate::cache::{HEADER, Kept};
use crate::gateway::Permit;
use crate::record::Entry;
use crate::request::Request;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http_body_util::Full;
use hyper::body::Frame;
use std::sync::Arc;

/// A kept answer as a response. It costs nothing, and nobody was asked.
pub fn replay(request: &Request, kept: Arc<Kept>, mut entry: Entry, permit: Permit) -> Response {
    entry.cached = true;
    entry.candidate = Some(kept.candidate.clone());
    entry.reason = "the same was answered before".to_owned();
    entry.cost_usd = Some(0.0);
    let mut headers = http::HeaderMap::with_capacity(14);
    describe(&mut headers, &entry);
    put(&mut headers, HEADER, "hit");
    // https://www.rfc-editor.org/rfc/rfc9111#name-age: whole seconds.
    put(&mut headers, "age", &kept.at.elapsed().as_secs().to_string());
    put(&mut headers, "x-portcullis-cost-usd", &format!("{:.8}", 0.0));
    if let Some(dropped) = &kept.dropped {
        put(&mut headers, DROPPED, dropped);
    }
    if kept.ends.is_none() {
        let media_type = request.dialect.media_type(request);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        entry.finish();
        return response(headers, Body::Whole(Full::new(kept.body.clone())));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let replay = Replay { kept, next: 0, entry: Some(entry), _permit: permit };
    let pieces = stream::unfold(replay, |mut replay| async move {
        let piece = replay.next()?;
        Some((Ok(Frame::data(piece)), replay))
    });
    response(headers, Body::Pieces(StreamBody::new(Box::pin(pieces))))
}

/// A stream that is given again, with everything that ends when it does.
struct Replay {
    kept: Arc<Kept>,
    next: usize,
    /// Until all of it went out.
    entry: Option<Entry>,
    _permit: Permit,
}

impl Replay {
    fn next(&mut self) -> Option<Bytes> {
        let ends = self.kept.ends.as_deref().unwrap_or_default();
        let Some(end) = ends.get(self.next) else {
            self.entry.take()?.finish();
            return None;
        };
        let start = if self.next == 0 { 0 } else { ends[self.next - 1] };
        self.next += 1;
        Some(self.kept.body.slice(start..*end))
    }
}
