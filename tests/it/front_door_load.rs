//! The front door under load: bursts, caps, slow clients, the descriptor limit.

use std::fs::File;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mcpist::http::{Answer, Limits, Response};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::wire::{Client, PATIENCE, Running, alone};

fn fixed_server(limits: Limits) -> Running {
    Running::start(limits, |_, _| Answer::Whole(Response::text(200, "fixed")))
}

#[test]
fn a_burst_is_answered_while_all_stay_open() {
    let server = fixed_server(Limits::default());
    for size in [5, 20, 100, 300] {
        let mut clients: Vec<Client> = (0..size).map(|_| server.connect()).collect();
        for round in 1..=2 {
            for client in &mut clients {
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            }
            for (n, client) in clients.iter_mut().enumerate() {
                assert_eq!(client.reply().status, 200, "connection {n} of {size}, round {round}");
            }
        }
        assert!(server.shutdown.connections() >= size);
    }
}

#[test]
fn a_flood_is_refused_and_leaves_nothing_behind() {
    let server = fixed_server(Limits { connections: 50, ..Limits::default() });
    let (open_files, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("the process has a limit");
    let flood =
        usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(1000).clamp(100, 2000);
    let mut clients: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    // One after the other, as a client that finds the listener's queue full is held up by the system for a second.
    for _ in 50..flood {
        let mut client = server.connect();
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
        assert!(reply.body.contains("too_many_connections"), "{}", reply.body);
        assert!(client.is_ended());
        clients.push(client);
    }
    for client in &mut clients[..50] {
        assert_eq!(client.get("/").status, 200, "a connection from before the flood stays open");
    }
    drop(clients);
    let start = Instant::now();
    while server.connect().get("/").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(1), "the places do not come back");
    }
}

#[test]
fn a_refusal_is_read_by_a_client_that_has_sent_its_request() {
    let server = fixed_server(Limits { connections: 1, ..Limits::default() });
    let mut held = server.connect();
    assert_eq!(held.get("/").status, 200);
    for _ in 0..50 {
        assert_eq!(server.connect().post("/", &"x".repeat(2000)).status, 503);
    }
}

#[test]
fn slow_clients_do_not_slow_another() {
    let server = fixed_server(Limits::default());
    let mut slow: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    }
    let mut quick = server.connect();
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(quick.get("/").status, 200);
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn the_server_outlives_the_descriptor_limit() {
    alone(
        "front_door_load::the_server_outlives_the_descriptor_limit",
        outlive_the_descriptor_limit,
    );
}

fn outlive_the_descriptor_limit() {
    setrlimit(Resource::RLIMIT_NOFILE, 100, 100).expect("a limit can be lowered");
    let server = fixed_server(Limits::default());
    assert_eq!(server.connect().get("/").status, 200);
    server.wait_for_connections(0);

    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    drop(files.pop());
    let mut waiting = server.connect();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    waiting
        .socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("the time is not zero");
    let early = waiting.socket.peek(&mut [0; 1]).expect_err("no descriptor is left to accept with");
    assert!(matches!(early.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{early}");
    drop(files);
    waiting.socket.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
    assert_eq!(waiting.reply().status, 200, "it is accepted when there are descriptors again");

    // Of 100 descriptors, 32 are kept and each connection counts twice.
    let mut clients: Vec<Client> = (0..33).map(|_| server.connect()).collect();
    assert_eq!(
        clients.iter_mut().map(|client| client.get("/").status).collect::<Vec<_>>(),
        [200; 33]
    );
    assert_eq!(server.connect().reply().status, 503, "the cap comes before the limit");
}
