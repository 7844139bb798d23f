//! Many slow connections, and bodies that never end.

use crate::world::{LONG, Setting, World, config, read_answer, request};
use picot_api::{ApiConfig, ProblemCode};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The part of a request that a slow client has sent so far.
const BEGINNINGS: [&[u8]; 4] = [
    b"",
    b"GET /api/v1/status HT",
    b"GET /api/v1/status HTTP/1.1\r\nhost: test\r\nx-slow: ",
    b"POST /api/v1/operations HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
];

#[test]
fn a_thousand_slow_connections_do_not_keep_others_out() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            max_connections: 64,
            ..config()
        }),
        ..Setting::default()
    });
    let mut slow = Vec::new();
    for number in 0..1_000_usize {
        let mut stream = TcpStream::connect(world.server.address()).unwrap();
        // The three that ask for nothing yet.
        let _ = stream.write_all(BEGINNINGS[number % 3]);
        slow.push(stream);
        if number % 100 == 99 {
            assert_eq!(world.get("/api/v1/parameters").status, 200);
            assert_eq!(world.get("/health/live").status, 200);
        }
    }
    // They go on, one byte at a time.
    for stream in &mut slow {
        let _ = stream.write_all(b"x");
    }
    for _ in 0..20 {
        assert_eq!(world.get("/api/v1/parameters").status, 200);
    }
}

#[test]
fn a_body_that_does_not_come_is_waited_for_no_longer_than_a_request_may_take() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            request_timeout: Duration::from_millis(300),
            ..config()
        }),
        ..Setting::default()
    });
    let mut stream = TcpStream::connect(world.server.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(BEGINNINGS[3]).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 408");
}

#[test]
fn who_is_being_answered_keeps_its_place() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            max_connections: 4,
            ..config()
        }),
        ..Setting::default()
    });
    let mut stream = world.open("/api/v1/stream/slots", &[]);
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    for _ in 0..50 {
        assert_eq!(world.get("/api/v1/parameters").status, 200);
    }
    let idle: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(world.server.address()).unwrap())
        .collect();
    assert_eq!(world.get("/api/v1/parameters").status, 200);
    drop(idle);
    // The stream is still there: it ends with the interface, not before.
    stream.set_nonblocking(true).unwrap();
    let mut part = [0; 4_096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => panic!("the stream was ended"),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
}

#[test]
fn a_body_larger_than_the_limit_is_refused_with_and_without_its_length() {
    let world = World::new();
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    let json = ("content-type", "application/json");
    let path = "/api/v1/operations";
    let answer = request(world.server.address(), "POST", path, &[json], &large);
    assert_eq!(answer.problem().code, ProblemCode::BodyTooLarge);
    // In chunks, so that only counting tells; the last one is of the byte that is too much.
    let mut stream = TcpStream::connect(world.server.address()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    for chunk in large.chunks(1 << 16) {
        let length = format!("{:x}\r\n", chunk.len());
        let chunk = [length.as_bytes(), chunk, b"\r\n"].concat();
        // A node that refuses a body may close before it has it all.
        let _ = stream.write_all(&chunk);
    }
    let answer = read_answer(&mut stream);
    assert_eq!(answer.problem().code, ProblemCode::BodyTooLarge);
}

#[test]
fn a_stream_that_is_asked_for_by_head_keeps_nobody_out() {
    let world = World::with(Setting {
        config: Some(ApiConfig {
            max_connections: 1,
            ..config()
        }),
        ..Setting::default()
    });
    let mut held = Vec::new();
    for path in ["/api/v1/stream/slots", "/api/v1/stream/events"] {
        let mut stream = TcpStream::connect(world.server.address()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let head = format!("HEAD {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        held.push(stream);
    }
    assert_eq!(world.get("/api/v1/parameters").status, 200);
}
