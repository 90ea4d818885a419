//! Stamps the calls that it makes and the words that it answers alike, and says the stamps that
//! its upstream says, so that a request which met two versions of it shows. Tests write their own
//! stamp over the one in its component.

portcullis_test_guests::provider!(Stamping);

/// As it lies in the component.
static STAMP: [u8; 16] = *b"stamp:0000000000";

#[derive(Default)]
struct Stamping;

fn stamp() -> String {
    // Read anew each time, so that what a test wrote there is what is read.
    let bytes = core::hint::black_box(&STAMP);
    String::from_utf8_lossy(bytes).into_owned()
}

impl Provider for Stamping {
    fn start(request: &Request) -> Result<(Self, Call), Failure> {
        let mut call = call(request);
        call.headers.push(("x-stamp".to_owned(), stamp()));
        let model = format!("\"{}\"", request.model());
        call.body = Body::Edited(vec![JsonEdit::Set(("/model".to_owned(), model))]);
        Ok((Self, Call::Http(call)))
    }

    fn frames(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        let words = |frame: &Frame| {
            let said = match frame {
                Frame::Sse((_, said)) | Frame::Text(said) => said.clone(),
                Frame::Bytes(said) => String::from_utf8_lossy(said).into_owned(),
            };
            let at = said.find("stamp:").and_then(|at| said.get(at..at + STAMP.len()));
            text(&format!("{} {} ", stamp(), at.unwrap_or_default()))
        };
        Ok(frames.iter().map(words).collect())
    }

    /// So that it is asked again.
    fn refused(head: ReplyHead) -> Failure {
        let status = format!("the upstream answered {}", head.status);
        Failure { kind: FailureKind::Upstream, ..failure(status) }
    }
}
