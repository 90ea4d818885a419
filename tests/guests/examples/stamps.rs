//! Stamps the calls that it makes and the words that it answers alike, so that a request which met
//! two versions of it shows. Tests write their own stamp over the one in its component.

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
        Ok(frames.iter().map(|_| text(&format!("{} ", stamp()))).collect())
    }

    /// So that it is asked again.
    fn refused(head: ReplyHead) -> Failure {
        let status = format!("the upstream answered {}", head.status);
        Failure { kind: FailureKind::Upstream, ..failure(status) }
    }
}
