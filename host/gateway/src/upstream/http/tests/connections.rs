//! The life of connections: over TLS, used again, too slow, and closed.

use std::io::Write;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::*;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn client(upstream: &Upstream) -> Client {
    Client::new(target(&upstream.url())).unwrap()
}

/// Lets the connection find its way back into the pool.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A file with a certificate, for as long as the test needs it.
fn authorities(pem: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pem.as_bytes()).unwrap();
    file
}

fn tls_target(upstream: &Upstream, file: &tempfile::NamedTempFile) -> Target {
    let url = format!("https://127.0.0.1:{}/v1", upstream.address.port());
    Target { ca: Some(file.path().to_path_buf()), ..target(&url) }
}

#[tokio::test]
async fn a_handshake_that_is_not_answered_times_out() {
    let (_, pem) = Upstream::https(echo).await;
    let silent = Upstream::raw(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let file = authorities(&pem);
    let after = Duration::from_millis(100);
    let target = Target { connect_timeout: after, ..tls_target(&silent, &file) };
    let error = Client::new(target).unwrap().send(post("/")).await.unwrap_err();
    assert_eq!(error, SendError::ConnectTimedOut { to: silent.address.to_string(), after });
}

#[tokio::test]
async fn http2_is_spoken_over_tls_and_one_connection_is_enough() {
    let (upstream, pem) = Upstream::https(echo).await;
    let file = authorities(&pem);
    let credential = Credential::Bearer(Secret::of_test("k"));
    let client = Client::new(Target { credential, ..tls_target(&upstream, &file) }).unwrap();
    assert!(text(&client, post("/first")).await.starts_with("HTTP/2.0 POST https://127.0.0.1"));
    for seen in join_all((0..20).map(|_| text(&client, post("/chat")))).await {
        assert!(
            seen.contains("/v1/chat\n") && seen.contains("authorization: Bearer k\n"),
            "{seen}"
        );
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let (upstream, _) = Upstream::https(echo).await;
    let (_, other) = Upstream::https(echo).await;
    let client = Client::new(tls_target(&upstream, &authorities(&other))).unwrap();
    let error = client.send(post("/")).await.unwrap_err();
    assert!(matches!(&error, SendError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn connections_are_used_again_but_never_by_another_provider() {
    let upstream = Upstream::http(echo).await;
    let (one, other) = (client(&upstream), client(&upstream));
    for _ in 0..3 {
        text(&one, post("/chat")).await;
        settle().await;
    }
    assert_eq!(upstream.connections(), 1);
    text(&other, post("/chat")).await;
    assert_eq!(upstream.connections(), 2);
}

/// Answers a first request; then does with the connection what the test says.
async fn answered(stream: &mut TcpStream) {
    read_request(stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
}

#[tokio::test]
async fn a_request_that_met_a_dead_connection_is_sent_on_another() {
    let upstream = Upstream::raw(|mut stream, _| async move { answered(&mut stream).await }).await;
    let client = client(&upstream);
    for calls in 1..=5 {
        assert_eq!(text(&client, post("/chat")).await, "");
        settle().await;
        assert_eq!(upstream.connections(), calls);
    }
}

#[tokio::test]
async fn a_request_that_was_read_is_never_sent_again() {
    let (seen, mut requests) = mpsc::channel(8);
    let upstream = Upstream::raw(move |mut stream, _| {
        let seen = seen.clone();
        async move {
            answered(&mut stream).await;
            seen.send(()).await.unwrap();
            read_request(&mut stream).await;
            seen.send(()).await.unwrap();
        }
    })
    .await;
    let client = client(&upstream);
    text(&client, post("/chat")).await;
    settle().await;
    let error = client.send(post("/chat")).await.unwrap_err();
    assert!(matches!(&error, SendError::Broken { .. }), "{error}");
    settle().await;
    assert_eq!(
        (upstream.connections(), requests.try_recv(), requests.try_recv()),
        (1, Ok(()), Ok(()))
    );
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn a_reply_that_does_not_begin_times_out() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        answered(&mut stream).await;
        read_request(&mut stream).await;
        // The end of the connection, which the client makes.
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    })
    .await;
    let client = client(&upstream);
    text(&client, post("/chat")).await;
    settle().await;
    tokio::time::pause();
    let error = client.send(post("/chat")).await.unwrap_err();
    assert_eq!(error, SendError::FirstByteTimedOut { after: LONG });
}

#[tokio::test]
async fn a_reply_may_be_slow_but_not_pause() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(HEAD).await.unwrap();
        for _ in 0..5 {
            stream.write_all(b"1\r\nx\r\n").await.unwrap();
            tokio::time::sleep(LONG * 2 / 3).await;
        }
        std::future::pending::<()>().await;
    })
    .await;
    let mut reply = client(&upstream).send(post("/chat")).await.unwrap();
    tokio::time::pause();
    for _ in 0..5 {
        assert_eq!(reply.body.next().await, Some(Ok(Bytes::from_static(b"x"))));
    }
    let last = tokio::time::Instant::now();
    let timed_out = SendError::ChunkTimedOut { after: LONG };
    assert_eq!(reply.body.next().await, Some(Err(timed_out)));
    assert_eq!(last.elapsed().as_secs(), LONG.as_secs());
    assert_eq!(reply.body.next().await, None);
}

#[tokio::test]
async fn time_in_which_nobody_reads_is_no_pause() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(HEAD).await.unwrap();
        stream.write_all(b"1\r\nx\r\n").await.unwrap();
        tokio::time::sleep(LONG * 5).await;
        stream.write_all(b"1\r\ny\r\n0\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let mut reply = client(&upstream).send(post("/chat")).await.unwrap();
    tokio::time::pause();
    assert!(reply.body.next().await.unwrap().is_ok());
    tokio::time::sleep(LONG * 9 / 2).await;
    assert_eq!(reply.body.next().await, Some(Ok(Bytes::from_static(b"y"))));
    assert_eq!(reply.body.next().await, None);
}

#[tokio::test]
async fn whoever_goes_away_closes_the_connection() {
    for head in [&b""[..], HEAD] {
        let (seen, mut closed) = mpsc::channel(1);
        let (begun, mut beginning) = mpsc::channel(1);
        let upstream = Upstream::raw(move |mut stream, _| {
            let (seen, begun) = (seen.clone(), begun.clone());
            async move {
                read_request(&mut stream).await;
                stream.write_all(head).await.unwrap();
                begun.send(()).await.unwrap();
                let end = stream.read(&mut [0]).await;
                seen.send(matches!(end, Ok(0) | Err(_))).await.unwrap();
            }
        })
        .await;
        let client = client(&upstream);
        if head.is_empty() {
            tokio::select! {
                _ = client.send(post("/chat")) => panic!("there was a reply"),
                _ = beginning.recv() => {}
            }
        } else {
            drop(client.send(post("/chat")).await.unwrap());
        }
        let end = tokio::time::timeout(Duration::from_secs(5), closed.recv()).await;
        assert_eq!(end, Ok(Some(true)));
    }
}

#[tokio::test]
async fn a_reply_that_breaks_is_not_one_that_ends() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(HEAD).await.unwrap();
        stream.write_all(b"1\r\nx\r\n").await.unwrap();
    })
    .await;
    let mut body = client(&upstream).send(post("/chat")).await.unwrap().body;
    assert_eq!(body.next().await, Some(Ok(Bytes::from_static(b"x"))));
    assert!(matches!(body.next().await, Some(Err(SendError::Broken { .. }))));
    assert_eq!(body.next().await, None);
}

#[tokio::test]
async fn no_more_is_collected_than_allowed() {
    let long = Upstream::http(|_| Response::new("0123456789".into())).await;
    let chunked = Upstream::raw(|mut stream, _| async move {
        read_request(&mut stream).await;
        stream.write_all(HEAD).await.unwrap();
        for _ in 0..2 {
            stream.write_all(b"5\r\n01234\r\n").await.unwrap();
            settle().await;
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    for upstream in [long, chunked] {
        for (limit, fits) in [(0, false), (4, false), (9, false), (10, true), (11, true)] {
            let reply = client(&upstream).send(post("/chat")).await.unwrap();
            let collected = reply.body.collect(limit).await;
            let expected = if fits { Ok(10) } else { Err(SendError::TooLarge { limit }) };
            assert_eq!(collected.map(|body| body.len()), expected);
        }
    }
}
