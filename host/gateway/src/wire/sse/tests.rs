//! The decoder against another implementation of the same document, and against itself cut at
//! every byte.

use eventsource_stream::EventStream;
use futures_util::{FutureExt, StreamExt, stream};

use super::*;

/// Name and data of what a browser would show.
type Shown = Vec<(String, String)>;

const INPUTS: &[&str] = &[
    "data: one\n\ndata: two\n\n",
    "data: one\r\n\r\ndata: two\r\n\r\n",
    "data: one\r\rdata: two\r\r\n",
    "data: one\n\r\ndata: two\r\n\ndata: three\r\r\n",
    "event: message_start\ndata: {\"a\":1}\n\nevent: ping\ndata: {}\n\n",
    "event:add\r\ndata:1\r\n\r\nevent\ndata:2\n\nevent: \ndata: 3\n\n",
    ": keep-alive\n\n: again\r\n\r\ndata: x\n\n",
    "data: a\ndata: b\ndata:\ndata:  c\n\n",
    "data\n\ndata\ndata\n\ndata:\n\n",
    "\n\n\ndata: late\n\n\n\n\r\n\r\ndata: later\n\n",
    "event: lonely\n\ndata: not lonely\n\n",
    "id: 1\nretry: 10\ndata: x\nunknown: y\ndatas: z\ndat: w\n data: v\n\n",
    "\u{feff}data: behind a mark\n\n\u{feff}data: not a mark\n\n",
    "\u{feff}\n\ndata: x\n\n",
    "data: h\u{e4}tte \u{1f980} \u{4e2d}\n\ndata: [DONE]\n\n",
    "data: {\"text\":\"a: b\\r\\n\"}\r\n: in between\r\ndata: more\r\n\r\n",
    "data: whole\n\ndata: without a blank line\n",
];

fn theirs(input: &str) -> Shown {
    // That decoder panics where the first character is a byte order mark, by cutting one byte
    // off its three. So it is taken off, and a blank line, which says nothing, put there.
    let input = format!("\n{}", input.strip_prefix('\u{feff}').unwrap_or(input));
    let source = stream::iter([Ok::<_, ()>(input.into_bytes())]);
    let events = EventStream::new(source).map(Result::unwrap).collect::<Vec<_>>();
    let events = events.now_or_never().unwrap();
    events.into_iter().map(|event| (event.event, event.data)).collect()
}

/// The events, and what [`Decoder::finish`] said.
fn cut<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Event>) {
    let mut decoder = Decoder::new(MAX_EVENT);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = decoder.next().unwrap() {
            events.push(event);
        }
    }
    (events, decoder.finish())
}

fn shown(events: &[Event]) -> Shown {
    let with_data = events.iter().filter(|event| event.data.is_some());
    with_data
        .map(|event| {
            (event.name().unwrap_or("message").to_string(), event.text().unwrap().to_string())
        })
        .collect()
}

fn raw(events: &[Event], last: Option<&Event>) -> Vec<u8> {
    events.iter().chain(last).flat_map(|event| event.raw.to_vec()).collect()
}

#[test]
fn events_are_those_of_another_decoder_wherever_the_stream_is_cut() {
    for input in INPUTS {
        let expected = theirs(input);
        let bytes = input.as_bytes();
        for size in 1..=bytes.len() {
            let (events, last) = cut(bytes.chunks(size));
            assert_eq!(shown(&events), expected, "{input:?} in chunks of {size}");
            assert_eq!(raw(&events, last.as_ref()), bytes, "{input:?} in chunks of {size}");
        }
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let (events, last) = cut(parts.into_iter());
                assert_eq!(shown(&events), expected, "{input:?} cut at {first}, {second}");
                assert_eq!(raw(&events, last.as_ref()), bytes);
            }
        }
    }
}

#[test]
fn generated_streams_agree_too() {
    let pieces = [
        "data",
        ":",
        " ",
        "x",
        "\n",
        "\r",
        "\r\n",
        "event",
        "\n\n",
        "data: {\"k\":1}",
        "\u{e9}",
        "\u{feff}",
        "id",
        ": c",
    ];
    let mut state = 42_u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..4_000 {
        let mut input: String = (0..next(24)).map(|_| pieces[next(pieces.len())]).collect();
        // The other decoder waits for what follows a carriage return; so end in a line feed.
        input.push('\n');
        let size = 1 + next(7);
        let (events, last) = cut(input.as_bytes().chunks(size));
        assert_eq!(shown(&events), theirs(&input), "{input:?} in chunks of {size}");
        assert_eq!(raw(&events, last.as_ref()), input.as_bytes());
    }
}

#[test]
fn whole_events_are_slices_of_their_chunk() {
    let chunk = Bytes::from_static(b"event: a\ndata: one\n\ndata: two\n\ndata: th");
    let inside = |part: &[u8]| chunk.as_ptr_range().contains(&part.as_ptr());
    let mut decoder = Decoder::new(MAX_EVENT);
    decoder.push(chunk.clone());
    for _ in 0..2 {
        let event = decoder.next().unwrap().unwrap();
        assert!(inside(&event.raw) && inside(event.data.as_deref().unwrap()));
    }
    assert_eq!(decoder.next(), Ok(None));
}

#[test]
fn an_event_is_there_as_soon_as_its_blank_line_is() {
    for end in ["\n\n", "\r\r", "\r\n\r\n", "\r\n\r", "\n\r"] {
        let mut decoder = Decoder::new(MAX_EVENT);
        decoder.push(Bytes::from(format!("data: x{end}")));
        assert_eq!(decoder.next().unwrap().unwrap().text(), Ok("x"), "{end:?}");
    }
}

#[test]
fn what_the_stream_ends_in_is_not_lost() {
    for (input, name, data) in [
        ("data: x", None, Some("x")),
        ("event: e\ndata: x\n", Some("e"), Some("x")),
        ("data: x\r\n", None, Some("x")),
        (": comment", None, None),
    ] {
        let (events, last) = cut([input.as_bytes()].into_iter());
        let last = last.unwrap();
        assert!(events.is_empty());
        assert_eq!((last.name(), last.data.as_deref()), (name, data.map(str::as_bytes)));
    }
    assert_eq!(cut([&b"data: x\n\n"[..]].into_iter()).1, None);
}

#[test]
fn an_event_past_its_bound_is_an_error_for_good() {
    let event = b"data: 0123456789\n\n";
    for size in 1..=event.len() {
        let mut decoder = Decoder::new(event.len() - 1);
        let mut results = event.chunks(size).map(|chunk| {
            decoder.push(Bytes::copy_from_slice(chunk));
            decoder.next()
        });
        assert!(results.any(|result| result.is_err()), "in chunks of {size}");
        drop(results);
        decoder.push(Bytes::from_static(b"data: x\n\n"));
        assert_eq!(decoder.next(), Err(TooLong { limit: event.len() - 1 }));
        assert_eq!(decoder.finish(), None);
    }
    let mut exact = Decoder::new(event.len());
    exact.push(Bytes::from_static(event));
    assert!(exact.next().unwrap().is_some());
}

#[test]
fn data_that_is_not_utf8_is_said_to_be() {
    let (events, _) = cut([&b"data: a\xFFb\n\n"[..]].into_iter());
    assert!(events[0].text().is_err());
    assert_eq!(events[0].lossy(), "a\u{fffd}b");
}

#[test]
fn what_is_written_is_read_again() {
    for (name, data) in [
        (None, "x"),
        (Some("ping"), "{}"),
        (None, ""),
        (None, "a\nb\n"),
        (None, "\n\na"),
        (None, " leading"),
    ] {
        let mut out = Vec::new();
        encode(&mut out, name, data);
        let (events, last) = cut([&out[..]].into_iter());
        assert_eq!((events.len(), last), (1, None));
        assert_eq!((events[0].name(), events[0].text().unwrap()), (name, data));
    }
    let mut out = Vec::new();
    encode(&mut out, Some("a\ndata: smuggled"), "one\r\ntwo\rthree");
    assert_eq!(out, b"event: a\ndata: one\ndata: two\ndata: three\n\n");
}
