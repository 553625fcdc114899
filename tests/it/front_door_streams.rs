//! Event streams, written by a handler or parked, and the drain at the end.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mcpist::http::{Answer, Event, Limits, Response, Stream};

use crate::wire::{Client, PATIENCE, Reply, Running, alone};

/// A server that parks every request but those to `/`, and hands the streams over.
fn parking_server(limits: Limits) -> (Running, Receiver<Stream>) {
    let (parked, streams) = channel();
    let parked = Mutex::new(parked);
    let server = Running::start(limits, move |request, exchange| {
        if request.path == "/" {
            return Answer::Whole(Response::text(200, "fixed"));
        }
        if request.path == "/begun" {
            exchange.begin_events(&[("X-Kept", "yes")]).expect("the client listens");
            exchange.send_event(Event::data("from the handler")).expect("the client listens");
        }
        let parked = parked.lock().expect("no holder panics").clone();
        Answer::Parked(Box::new(move |stream| parked.send(stream).expect("the test waits")))
    });
    (server, streams)
}

/// A client with its parked stream.
fn park(server: &Running, streams: &Receiver<Stream>) -> (Client, Stream) {
    let mut client = server.connect();
    client.send("GET /park HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
    let reply = client.reply_head();
    check_events_head(&reply);
    assert_eq!(reply.header("connection"), Some("close"));
    (client, streams.recv_timeout(PATIENCE).expect("the stream is handed over"))
}

fn check_events_head(reply: &Reply) {
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
}

fn chunk(client: &mut Client) -> String {
    String::from_utf8(client.chunk().expect("the stream goes on")).expect("events are text")
}

/// A channel that says when the stream has closed.
fn closing(stream: &Stream) -> Receiver<()> {
    let (closed, closing) = channel();
    stream.on_close(Box::new(move || closed.send(()).expect("the test waits")));
    closing
}

#[test]
fn a_streamed_answer_is_followed_by_the_next() {
    let server = Running::start(Limits::default(), |request, exchange| {
        assert!(!exchange.events_begun());
        exchange.send_event(Event::data("early")).expect_err("no stream has begun");
        exchange
            .begin_events(&[("X-Session", "s"), ("X-Bad", "a\r\nb")])
            .expect("the client listens");
        assert!(exchange.events_begun());
        exchange.begin_events(&[]).expect_err("a stream begins once");
        for data in ["1", "two\nlines"] {
            exchange.send_event(Event::data(data)).expect("the client listens");
        }
        exchange.send_comment().expect("the client listens");
        exchange.send_event(Event::named("last", "3")).expect("the client listens");
        assert_ne!(request.path, "/panic", "the handler fails after its events");
        Answer::Streamed
    });
    let events = "data: 1\n\ndata: two\ndata: lines\n\n:\n\nevent: last\ndata: 3\n\n";
    let mut client = server.connect();
    for _ in 0..2 {
        let reply = client.get("/");
        check_events_head(&reply);
        assert_eq!((reply.header("x-session"), reply.header("x-bad")), (Some("s"), None));
        assert_eq!(reply.body, events);
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    check_events_head(&client.reply_head());
    assert_eq!(client.get("/").body, events, "the next answer follows the head");

    client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n");
    check_events_head(&client.reply_head());
    let received: String = (0..4).map(|_| chunk(&mut client)).collect();
    assert_eq!(received, events);
    assert!(client.is_ended(), "without the last chunk, the client sees that the stream was cut");

    let mut old = server.connect();
    old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let reply = old.reply_head();
    assert_eq!((reply.header("transfer-encoding"), reply.header("content-length")), (None, None));
    assert_eq!(reply.header("connection"), Some("close"));
    assert_eq!(old.rest(), events, "in HTTP/1.0 the connection's end is the stream's");
}

#[test]
fn a_handler_notices_that_its_client_has_gone() {
    let (told, gone) = channel();
    let told = Mutex::new(told);
    let server = Running::start(Limits::default(), move |request, exchange| {
        exchange.begin_events(&[]).expect("the client listens");
        let client_gone = exchange.watch_client();
        if request.path == "/once" {
            assert!(!client_gone(), "a client that sends the next request is there");
            return Answer::Streamed;
        }
        let deadline = Instant::now() + PATIENCE;
        while !client_gone() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let told = told.lock().expect("no holder panics");
        told.send(client_gone()).expect("the test waits");
        Answer::Streamed
    });
    let wait = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
    let leave: [fn(Client); 2] =
        [drop, |client| client.socket.shutdown(Shutdown::Write).expect("the socket is open")];
    for leave in leave {
        let mut client = server.connect();
        client.send("GET /once HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + wait);
        client.reply();
        client.reply_head();
        leave(client);
        assert!(gone.recv_timeout(PATIENCE).expect("the handler ends"));
    }
}

#[test]
fn a_parked_stream_carries_events_in_order_to_its_end() {
    let (server, streams) = parking_server(Limits::default());
    let (mut client, stream) = park(&server, &streams);
    let sender = std::thread::spawn(move || {
        for n in 0..1000 {
            assert!(stream.send(Event::data(&n.to_string())));
        }
        let closing = closing(&stream);
        stream.finish(Some(Event::named("last", "end")));
        assert!(stream.is_closed() && !stream.send(Event::data("late")));
        stream.finish(Some(Event::data("later")));
        closing.recv_timeout(PATIENCE).expect("the end is reported");
        stream
    });
    let mut received = String::new();
    while let Some(chunk) = client.chunk() {
        received.push_str(std::str::from_utf8(&chunk).expect("events are text"));
    }
    let sent = (0..1000).map(|n| format!("data: {n}\n\n")).collect::<Vec<_>>().concat();
    assert_eq!(received, sent + "event: last\ndata: end\n\n");
    assert!(client.is_ended());
    let stream = sender.join().expect("the stream takes every event");
    closing(&stream).try_recv().expect("a hook on a closed stream runs at once");
}

#[test]
fn a_handler_may_begin_the_stream_that_it_parks() {
    let (server, streams) = parking_server(Limits::default());
    let mut client = server.connect();
    client.send("GET /begun HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_head();
    check_events_head(&reply);
    assert_eq!(reply.header("x-kept"), Some("yes"));
    let stream = streams.recv_timeout(PATIENCE).expect("the stream is handed over");
    assert!(stream.send(Event::data("from the owner")));
    assert_eq!(chunk(&mut client), "data: from the handler\n\n");
    assert_eq!(chunk(&mut client), "data: from the owner\n\n");

    let mut old = server.connect();
    old.send("GET /park HTTP/1.0\r\n\r\n");
    assert_eq!(old.reply_head().header("transfer-encoding"), None);
    let stream = streams.recv_timeout(PATIENCE).expect("the stream is handed over");
    stream.finish(Some(Event::data("bare")));
    assert_eq!(old.rest(), "data: bare\n\n");

    let mut head = server.connect();
    head.send("HEAD /park HTTP/1.1\r\nHost: a\r\n\r\n");
    check_events_head(&head.reply_head());
    assert!(head.is_ended());
}

#[test]
fn a_quiet_stream_gets_comments() {
    let (server, streams) = parking_server(Limits {
        event_comment_every: Duration::from_millis(20),
        ..Limits::default()
    });
    let mut parked: Vec<_> = (0..20).map(|_| park(&server, &streams)).collect();
    for (client, stream) in &mut parked {
        assert_eq!(chunk(client), ":\n\n");
        assert_eq!(chunk(client), ":\n\n");
        assert!(!stream.is_closed());
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_parked_stream_holds_no_thread() {
    alone("front_door_streams::a_parked_stream_holds_no_thread", || {
        let (server, streams) = parking_server(Limits::default());
        let parked: Vec<_> = (0..100).map(|_| park(&server, &streams)).collect();
        assert_eq!(server.shutdown.connections(), parked.len());
        let names = || {
            let tasks = std::fs::read_dir("/proc/self/task").expect("Linux lists threads");
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        };
        let deadline = Instant::now() + PATIENCE;
        while names().any(|name| name == "connection\n") {
            assert!(Instant::now() < deadline, "{:?}", names().collect::<Vec<_>>());
        }
        assert_eq!(names().filter(|name| name == "streams\n").count(), 1);
    });
}

#[test]
fn a_client_that_leaves_its_stream_is_noticed() {
    let (server, streams) = parking_server(Limits::default());
    let leave: [fn(Client); 3] = [
        drop,
        |client| client.socket.shutdown(Shutdown::Write).expect("the socket is open"),
        |mut client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ];
    for leave in leave {
        let (client, stream) = park(&server, &streams);
        let closing = closing(&stream);
        leave(client);
        closing.recv_timeout(PATIENCE).expect("the close is reported");
        assert!(stream.is_closed() && !stream.send(Event::data("late")));
    }
}

#[test]
fn a_client_may_not_send_on_and_on_over_its_stream() {
    let (server, streams) = parking_server(Limits::default());
    let (mut client, stream) = park(&server, &streams);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(stream.send(Event::data("still here")));
    assert_eq!(chunk(&mut client), "data: still here\n\n", "a request on a stream is not answered");
    let closing = closing(&stream);
    let noise = std::thread::spawn(move || {
        while std::io::Write::write_all(&mut client.socket, &[b'x'; 1024]).is_ok() {}
    });
    closing.recv_timeout(PATIENCE).expect("the close is reported");
    noise.join().expect("the noise ends with the connection");
}

#[test]
fn a_client_that_takes_no_events_loses_its_stream() {
    let event = "x".repeat(64 * 1024);
    let (server, streams) = parking_server(Limits::default());
    let (_client, stream) = park(&server, &streams);
    let closed = closing(&stream);
    let sent = (0..10_000).take_while(|_| stream.send(Event::data(&event))).count();
    assert!(
        (4..10_000).contains(&sent),
        "{sent} events of 64 KiB are held for a client that takes none"
    );
    closed.recv_timeout(PATIENCE).expect("the overflow closes the stream");

    let (server, streams) =
        parking_server(Limits { write_stall: Duration::from_millis(50), ..Limits::default() });
    let (_client, stream) = park(&server, &streams);
    let closed = closing(&stream);
    // One event is taken whatever its size; this one is more than the system buffers.
    assert!(stream.send(Event::data(&"x".repeat(16 << 20))));
    closed.recv_timeout(PATIENCE).expect("the stall closes the stream");
}

#[test]
fn a_client_that_falls_behind_gets_every_byte() {
    let (server, streams) = parking_server(Limits::default());
    let (mut client, stream) = park(&server, &streams);
    for round in 0..2 {
        // More than the system buffers, so that it waits in ours, and no piece of it like another.
        let event = (0..1_000_000).map(|n| format!("{round}{n:015}")).collect::<Vec<_>>().concat();
        assert!(stream.send(Event::data(&event)));
        assert!(chunk(&mut client) == format!("data: {event}\n\n"), "round {round} differs");
    }
    assert!(stream.send(Event::data("after")));
    assert_eq!(chunk(&mut client), "data: after\n\n");
}

#[test]
fn an_owner_that_panics_ends_its_stream() {
    let server = Running::start(Limits::default(), |_, _| {
        Answer::Parked(Box::new(|_| panic!("the owner fails")))
    });
    let mut client = server.connect();
    assert_eq!(client.get("/").body, "");
    assert!(client.is_ended());
}

/// A server whose handler waits until the test lets it go.
fn gated_server(limits: Limits) -> (Running, Receiver<()>, Sender<()>) {
    let (entered, entries) = channel();
    let (open, gate) = channel();
    let ends = Mutex::new((entered, gate));
    let server = Running::start(limits, move |request, _| {
        if request.path == "/wait" {
            let ends = ends.lock().expect("no holder panics");
            ends.0.send(()).expect("the test waits");
            // The test may end by dropping its end.
            let _ = ends.1.recv_timeout(PATIENCE);
        }
        Answer::Whole(Response::text(200, "done"))
    });
    (server, entries, open)
}

#[test]
fn a_drain_lets_requests_end_and_closes_the_idle() {
    let (server, entries, open) = gated_server(Limits::default());
    let mut idle = server.connect();
    assert_eq!(idle.get("/").status, 200);
    let mut busy = server.connect();
    busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    entries.recv_timeout(PATIENCE).expect("the handler begins");

    server.shutdown.begin();
    assert!(server.shutdown.has_begun());
    assert!(idle.is_ended());
    assert!(TcpStream::connect(server.address).is_err(), "nothing new is accepted");
    open.send(()).expect("the handler waits");
    let reply = busy.reply();
    assert_eq!((reply.body.as_str(), reply.header("connection")), ("done", Some("close")));
    assert!(server.join() < Duration::from_secs(5));
}

#[test]
fn a_drain_ends_streams_with_what_their_owners_say_last() {
    let (server, streams) = parking_server(Limits::default());
    let mut parked: Vec<_> = (0..3).map(|_| park(&server, &streams)).collect();
    let last = Arc::new(parked[0].1.clone());
    server.shutdown.on_begin(Box::new(move || last.finish(Some(Event::data("the server stops")))));
    let closing: Vec<_> = parked.iter().map(|(_, stream)| closing(stream)).collect();
    server.shutdown.begin();
    for (n, (client, _)) in parked.iter_mut().enumerate() {
        if n == 0 {
            assert_eq!(chunk(client), "data: the server stops\n\n");
        }
        assert_eq!(client.chunk(), None);
        assert!(client.is_ended());
    }
    for closing in &closing {
        closing.recv_timeout(PATIENCE).expect("the close is reported");
    }
    let (late, hook) = channel();
    server.shutdown.on_begin(Box::new(move || late.send(()).expect("the test waits")));
    hook.try_recv().expect("a hook after the beginning runs at once");
    assert!(server.join() < Duration::from_secs(5));
}

#[test]
fn a_drain_cuts_what_does_not_end() {
    let patient = Limits { drain_time: Duration::from_secs(600), ..Limits::default() };
    let hasty = Limits { drain_time: Duration::from_millis(50), ..Limits::default() };
    for (limits, begins) in [(hasty, 1), (patient, 2)] {
        let (server, entries, _open) = gated_server(limits);
        let mut busy = server.connect();
        busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        entries.recv_timeout(PATIENCE).expect("the handler begins");
        for _ in 0..begins {
            server.shutdown.begin();
        }
        assert!(busy.is_ended(), "cut");
        assert!(server.join() < Duration::from_secs(5));
    }
}

#[test]
fn a_stream_whose_client_takes_nothing_does_not_outlast_the_drain() {
    let (server, streams) =
        parking_server(Limits { drain_time: Duration::from_millis(50), ..Limits::default() });
    let (_client, stream) = park(&server, &streams);
    let closing = closing(&stream);
    assert!(stream.send(Event::data(&"x".repeat(16 << 20))));
    server.shutdown.begin();
    closing.recv_timeout(PATIENCE).expect("the cut is reported");
    assert!(server.join() < Duration::from_secs(5));
}
