//! Google Calendar tools beyond their cases: series, clocks, guests, and calendars that cannot be read.

use std::sync::LazyLock;
use std::time::Duration;

use mcpist::engine::Connection;
use mcpist::modules::Registry;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};

/// Calls a tool while the service answers so. A failure is expected as a part of its message and hint.
#[track_caller]
fn check(
    tool: &str,
    arguments: &Value,
    exchanges: impl IntoIterator<Item = Exchange>,
    expected: Result<Value, &str>,
) {
    check_tool("google_calendar", tool, arguments, exchanges, expected);
}

/// As [`check`], of any module.
#[track_caller]
pub fn check_tool(
    module: &str,
    tool: &str,
    arguments: &Value,
    exchanges: impl IntoIterator<Item = Exchange>,
    expected: Result<Value, &str>,
) {
    // Read once: there are hundreds of tools, and many calls.
    static REGISTRY: LazyLock<Registry> =
        LazyLock::new(|| Registry::built_in().expect("the built-in modules are right"));
    let module = REGISTRY.module(module).expect("it is built in");
    let found = module.tools.iter().find(|known| known.name == tool).expect("the tool exists");
    let fake = FakeUpstream::new(exchanges);
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    let connection = Connection { credential: None, base_url: &fake.url() };
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let result = call_tool(&upstream, (module, found), connection, arguments)
        .map_err(|error| error.to_string());
    assert_eq!(fake.complaints(), Vec::<String>::new(), "{result:?}");
    match (result, expected) {
        (Ok(result), Ok(expected)) => assert_eq!(result, expected),
        (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
        (result, expected) => panic!("{result:?} instead of {expected:?}"),
    }
}

const EVENTS: &str = "/calendars/primary/events";

fn get(path: &str, answer: &Value) -> Exchange {
    exchange("GET", path, 200, answer)
}

fn exchange(method: &str, path: &str, status: u16, answer: &Value) -> Exchange {
    Exchange::new(method, &format!("{EVENTS}{path}"), Answer::new(status, &[], answer.to_string()))
}

fn send(method: &str, path: &str, body: Value, answer: &Value) -> Exchange {
    exchange(method, path, 200, answer).with_body(body)
}

/// Deleting is answered with nothing.
fn delete(path: &str, status: u16) -> Exchange {
    Exchange::new("DELETE", &format!("{EVENTS}{path}"), Answer::new(status, &[], ""))
}

/// The changed and deleted events of the series.
fn exceptions(events: &[Value]) -> Exchange {
    get("?iCalUID=s1%40google.com&showDeleted=true&maxResults=2500", &json!({"items": events}))
}

fn berlin(time: &str) -> Value {
    json!({"dateTime": time, "timeZone": "Europe/Berlin"})
}

fn replaced(time: &str) -> Value {
    json!({"dateTime": time, "timeZone": "Europe/Berlin", "date": null})
}

/// The stand-up on Mondays at nine, from 30 November 2026 on.
fn series(recurrence: Value) -> Value {
    json!({
        "id": "s1", "iCalUID": "s1@google.com", "status": "confirmed", "summary": "Standup", "recurrence": recurrence,
        "start": berlin("2026-11-30T09:00:00+01:00"), "end": berlin("2026-11-30T09:15:00+01:00"),
    })
}

/// One of its events, which should be at one time and is at another.
fn instance(id: &str, original: &str, start: &str, end: &str) -> Value {
    json!({
        "id": id, "recurringEventId": "s1", "status": "confirmed", "summary": "Standup", "originalStartTime": berlin(original),
        "start": berlin(start), "end": berlin(end),
    })
}

fn on_time(id: &str, day: &str) -> Value {
    let at = |time: &str| format!("{day}T{time}:00+01:00");
    instance(id, &at("09:00"), &at("09:00"), &at("09:15"))
}

fn deleted(id: &str, original: &str) -> Value {
    json!({"id": id, "recurringEventId": "s1", "status": "cancelled", "originalStartTime": berlin(original)})
}

#[test]
fn a_series_goes_on_elsewhere_with_all_that_was_done_to_its_events() {
    let rules = json!([
        "RRULE:FREQ=WEEKLY;COUNT=10;BYDAY=MO",
        "EXDATE;TZID=Europe/Berlin:20261207T090000,20270104T090000",
        "RDATE;TZID=Europe/Berlin:20261203T090000,20270107T090000",
    ]);
    let retro = json!({
        "id": "s1_retro", "recurringEventId": "s1", "status": "confirmed", "summary": "Retro",
        "originalStartTime": berlin("2027-01-11T09:00:00+01:00"),
        "start": berlin("2027-01-11T14:00:00+01:00"), "end": berlin("2027-01-11T14:15:00+01:00"),
    });
    let new = json!({
        "summary": "Standup",
        "start": berlin("2026-12-22T10:00:00"), "end": berlin("2026-12-22T10:15:00"),
        // Three of ten by the rule are over, the excluded one among them.
        "recurrence": [
            "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=7",
            "RDATE;TZID=Europe/Berlin:20270108T100000",
            "EXDATE;TZID=Europe/Berlin:20261229T100000,20270105T100000",
        ],
    });
    let retro_body = json!({"summary": "Retro", "start": berlin("2027-01-11T14:00:00+01:00"), "end": berlin("2027-01-11T14:15:00+01:00")});
    let kept = json!({"recurrence": [
        "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T075959Z",
        "RDATE;TZID=Europe/Berlin:20261203T090000",
        "EXDATE;TZID=Europe/Berlin:20261207T090000",
    ]});
    check(
        "update_event",
        &json!({"event_id": "s1_4", "scope": "following", "start": "2026-12-22T10:00"}),
        [
            get("/s1_4", &on_time("s1_4", "2026-12-21")),
            get("/s1", &series(rules)),
            exceptions(&[
                deleted("s1_early", "2026-12-14T09:00:00+01:00"),
                deleted("s1_late", "2026-12-28T09:00:00+01:00"),
                retro,
            ]),
            send("POST", "", new, &json!({"id": "s2", "summary": "Standup"})),
            get(
                "/s2/instances?originalStart=2027-01-12T10%3A00%3A00%2B01%3A00",
                &json!({"items": [{"id": "s2_7"}]}),
            ),
            send("PATCH", "/s2_7", retro_body, &json!({})),
            send("PATCH", "/s1", kept, &json!({})),
            delete("/s1_retro", 204),
        ],
        Ok(json!({"id": "s2", "title": "Standup"})),
    );
}

#[test]
fn what_follows_is_deleted_with_added_and_moved_events() {
    let check_deleted =
        |rules: Value, exceptions_of_series: &[Value], kept: Value, rest: Vec<Exchange>| {
            let exchanges = [
                get("/s1_4", &on_time("s1_4", "2026-12-21")),
                get("/s1", &series(rules)),
                exceptions(exceptions_of_series),
                send("PATCH", "/s1", json!({"recurrence": kept}), &json!({})),
            ];
            let arguments = json!({"event_id": "s1_4", "scope": "following"});
            let done = json!({"message": "This event and those that follow deleted."});
            check("delete_event", &arguments, exchanges.into_iter().chain(rest), Ok(done));
        };
    check_deleted(
        json!([
            "RRULE:FREQ=WEEKLY;BYDAY=MO",
            "RDATE;TZID=Europe/Berlin:20261203T090000,20270107T090000"
        ]),
        &[],
        json!([
            "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T075959Z",
            "RDATE;TZID=Europe/Berlin:20261203T090000"
        ]),
        Vec::new(),
    );
    // An event that was moved to before the end still belongs to what follows; Google Calendar may have deleted it.
    let moved = instance(
        "s1_moved",
        "2026-12-28T09:00:00+01:00",
        "2026-12-18T09:00:00+01:00",
        "2026-12-18T09:15:00+01:00",
    );
    for status in [204, 404, 410] {
        check_deleted(
            json!(["RRULE:FREQ=WEEKLY;COUNT=8"]),
            std::slice::from_ref(&moved),
            json!(["RRULE:FREQ=WEEKLY;UNTIL=20261221T075959Z"]),
            vec![delete("/s1_moved", status)],
        );
    }
}

#[test]
fn from_the_first_event_on_is_the_whole_series() {
    let rules = json!(["RRULE:FREQ=WEEKLY;BYDAY=MO"]);
    // The first that remains: the one before it was deleted.
    for (day, exceptions_of_series) in
        [("2026-11-30", vec![]), ("2026-12-07", vec![deleted("s1_1", "2026-11-30T09:00:00+01:00")])]
    {
        let read = || {
            [
                get("/s1_x", &on_time("s1_x", day)),
                get("/s1", &series(rules.clone())),
                exceptions(&exceptions_of_series),
            ]
        };
        check(
            "delete_event",
            &json!({"event_id": "s1_x", "scope": "following"}),
            read().into_iter().chain([delete("/s1", 204)]),
            Ok(json!({"message": "This event and those that follow deleted."})),
        );
        check(
            "update_event",
            &json!({"event_id": "s1_x", "scope": "following", "title": "Daily"}),
            read().into_iter().chain([send(
                "PATCH",
                "/s1",
                json!({"summary": "Daily"}),
                &json!({"id": "s1"}),
            )]),
            Ok(json!({"id": "s1"})),
        );
    }
}

#[test]
fn a_moved_event_moves_its_series_from_where_it_should_be() {
    // Moved to the afternoon of the day after.
    let moved = || {
        instance(
            "s1_3",
            "2026-12-14T09:00:00+01:00",
            "2026-12-15T14:00:00+01:00",
            "2026-12-15T15:00:00+01:00",
        )
    };
    let rules = || series(json!(["RRULE:FREQ=WEEKLY;BYDAY=MO"]));
    // A new title leaves the series at nine, and the event in the afternoon.
    let new = json!({
        "summary": "Daily", "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO"],
        "start": berlin("2026-12-14T09:00:00"), "end": berlin("2026-12-14T09:15:00"),
    });
    let own = json!({"start": berlin("2026-12-15T14:00:00+01:00"), "end": berlin("2026-12-15T15:00:00+01:00")});
    check(
        "update_event",
        &json!({"event_id": "s1_3", "scope": "following", "title": "Daily"}),
        [
            get("/s1_3", &moved()),
            get("/s1", &rules()),
            exceptions(&[moved()]),
            send("POST", "", new, &json!({"id": "s2"})),
            get(
                "/s2/instances?originalStart=2026-12-14T09%3A00%3A00%2B01%3A00",
                &json!({"items": [{"id": "s2_1"}]}),
            ),
            send("PATCH", "/s2_1", own, &json!({})),
            send(
                "PATCH",
                "/s1",
                json!({"recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261214T075959Z"]}),
                &json!({}),
            ),
            delete("/s1_3", 204),
        ],
        Ok(json!({"id": "s2"})),
    );
    // Ten o'clock on Monday is an hour later than the series, whatever change the event itself had; the length is the event's.
    check(
        "update_event",
        &json!({"event_id": "s1_3", "scope": "all", "start": "2026-12-14T10:00"}),
        [
            get("/s1_3", &moved()),
            get("/s1", &rules()),
            send(
                "PATCH",
                "/s1",
                json!({"start": replaced("2026-11-30T10:00:00"), "end": replaced("2026-11-30T11:00:00")}),
                &json!({"id": "s1"}),
            ),
        ],
        Ok(json!({"id": "s1"})),
    );
}

#[test]
fn a_series_that_no_rule_describes_is_not_moved() {
    let second_monday = || series(json!(["RRULE:FREQ=MONTHLY;BYDAY=2MO"]));
    let event = || on_time("s1_2", "2026-12-14");
    let arguments =
        |scope: &str| json!({"event_id": "s1_2", "scope": scope, "start": "2026-12-15T09:00"});
    check(
        "update_event",
        &arguments("all"),
        [get("/s1_2", &event()), get("/s1", &second_monday())],
        Err("Give the rule that it shall have as `recurrence`"),
    );
    check(
        "update_event",
        &arguments("following"),
        [get("/s1_2", &event()), get("/s1", &second_monday()), exceptions(&[])],
        Err("Give the rule that it shall have as `recurrence`"),
    );
    let mut with_rule = arguments("all");
    with_rule["recurrence"] = json!(["FREQ=MONTHLY;BYDAY=2TU"]);
    check(
        "update_event",
        &with_rule,
        [
            get("/s1_2", &event()),
            get("/s1", &second_monday()),
            send(
                "PATCH",
                "/s1",
                json!({
                    "start": replaced("2026-12-01T09:00:00"), "end": replaced("2026-12-01T09:15:00"),
                    "recurrence": ["RRULE:FREQ=MONTHLY;BYDAY=2TU"],
                }),
                &json!({"id": "s1"}),
            ),
        ],
        Ok(json!({"id": "s1"})),
    );
}

#[test]
fn a_series_of_days_is_split_by_days() {
    let day = |date: &str| json!({"date": date});
    let series = json!({
        "id": "s1", "iCalUID": "s1@google.com", "summary": "Bins", "start": day("2026-11-30"), "end": day("2026-12-01"),
        "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20270531", "EXDATE;VALUE=DATE:20261214,20270125"],
    });
    let event = json!({"id": "s1_3", "recurringEventId": "s1", "originalStartTime": day("2026-12-28"), "start": day("2026-12-28"), "end": day("2026-12-29")});
    let new = json!({
        "summary": "Bins", "start": day("2026-12-30"), "end": day("2026-12-31"),
        "recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=WE;UNTIL=20270602", "EXDATE;VALUE=DATE:20270127"],
    });
    let kept = json!({"recurrence": ["RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20261227", "EXDATE;VALUE=DATE:20261214"]});
    check(
        "update_event",
        &json!({"event_id": "s1_3", "scope": "following", "start": "2026-12-30"}),
        [
            get("/s1_3", &event),
            get("/s1", &series),
            exceptions(&[]),
            send(
                "POST",
                "",
                new,
                &json!({"id": "s2", "start": day("2026-12-30"), "end": day("2026-12-31")}),
            ),
            send("PATCH", "/s1", kept, &json!({})),
        ],
        Ok(
            json!({"id": "s2", "start": "2026-12-30", "end": "2026-12-31", "last_day": "2026-12-30"}),
        ),
    );
}

#[test]
fn a_split_that_fails_leaves_the_series_as_it_was() {
    let exchanges = |status: u16| {
        [
            get("/s1_2", &on_time("s1_2", "2026-12-07")),
            get("/s1", &series(json!(["RRULE:FREQ=WEEKLY"]))),
            exceptions(&[]),
            exchange("POST", "", 200, &json!({"id": "s2"})).with_body(json!({
                "summary": "Daily", "recurrence": ["RRULE:FREQ=WEEKLY"],
                "start": berlin("2026-12-07T09:00:00"), "end": berlin("2026-12-07T09:15:00"),
            })),
            exchange("PATCH", "/s1", status, &json!({}))
                .with_body(json!({"recurrence": ["RRULE:FREQ=WEEKLY;UNTIL=20261207T075959Z"]})),
            delete("/s2", 204),
        ]
    };
    let arguments = json!({"event_id": "s1_2", "scope": "following", "title": "Daily"});
    check("update_event", &arguments, exchanges(403), Err("Google Calendar"));
}

#[test]
fn each_end_is_told_in_its_own_zone() {
    let flight = || {
        json!({
            "id": "f", "status": "confirmed",
            "start": {"dateTime": "2026-12-01T10:00:00+01:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2026-12-01T13:00:00-05:00", "timeZone": "America/New_York"},
        })
    };
    let change = |arguments: Value, body: Value| {
        let mut all = json!({"event_id": "f"});
        all.as_object_mut()
            .expect("it is an object")
            .extend(arguments.as_object().cloned().expect("it is an object"));
        check(
            "update_event",
            &all,
            [get("/f", &flight()), send("PATCH", "/f", body, &json!({"id": "f"}))],
            Ok(json!({"id": "f"})),
        );
    };
    let new_york =
        |time: &str| json!({"dateTime": time, "timeZone": "America/New_York", "date": null});
    change(
        json!({"end": "2026-12-01T13:30"}),
        json!({"end": new_york("2026-12-01T13:30:00"), "endTimeUnspecified": false}),
    );
    // Two hours later from Berlin is two hours later in New York.
    change(
        json!({"start": "2026-12-01T12:00"}),
        json!({"start": replaced("2026-12-01T12:00:00"), "end": new_york("2026-12-01T15:00:00")}),
    );
    let tokyo = json!({"dateTime": "2026-12-02T07:00:00", "timeZone": "Asia/Tokyo", "date": null});
    change(
        json!({"end": "2026-12-02T07:00", "end_time_zone": "Tokyo Standard Time"}),
        json!({"end": tokyo, "endTimeUnspecified": false}),
    );
    check(
        "create_event",
        &json!({"title": "LH400", "start": "2026-12-01T10:00", "time_zone": "Europe/Berlin", "end": "2026-12-01T13:00", "end_time_zone": "America/New_York"}),
        [send(
            "POST",
            "",
            json!({
                "summary": "LH400", "start": berlin("2026-12-01T10:00:00"),
                "end": {"dateTime": "2026-12-01T13:00:00", "timeZone": "America/New_York"},
            }),
            &json!({"id": "f"}),
        )],
        Ok(json!({"id": "f"})),
    );
}

#[test]
fn events_keep_their_length_over_changes_of_clocks() {
    let night = json!({
        "id": "n", "status": "confirmed",
        "start": berlin("2026-03-27T22:00:00+01:00"), "end": berlin("2026-03-28T06:00:00+01:00"),
    });
    check(
        "update_event",
        &json!({"event_id": "n", "start": "2026-03-28T22:00"}),
        [
            get("/n", &night),
            send(
                "PATCH",
                "/n",
                json!({"start": replaced("2026-03-28T22:00:00"), "end": replaced("2026-03-29T07:00:00")}),
                &json!({"id": "n"}),
            ),
        ],
        Ok(json!({"id": "n"})),
    );
    check(
        "update_event",
        &json!({"event_id": "n", "start": "2026-03-29T02:30"}),
        [get("/n", &night)],
        Err("Give 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00"),
    );
    let noon_in_tokyo = json!({"event_id": "n", "end": "2026-03-27T12:00:00+09:00"});
    check("update_event", &noon_in_tokyo, [get("/n", &night)], Err("`end` must be after `start`"));
}

#[test]
fn times_that_do_not_exist_are_refused_before_anything_is_sent() {
    for (argument, wrong) in [
        ("start", "2026-02-30T09:00"),
        ("start", "2026-13-01"),
        ("start", "2026-11-30T25:00"),
        ("start", "2026-11-30T09:00+25:00"),
        ("end", "2026-11-31"),
        ("time_zone", "Europe/Atlantis"),
        ("end_time_zone", "Middle Earth Standard Time"),
        ("recurrence", "RRULE:FREQ=WEEKLY;UNTIL=20260230"),
        ("recurrence", "RRULE:FREQ=WEEKLY;COUNT=3;UNTIL=20270101"),
        ("recurrence", "RRULE:FREQ=WEEKLY;BYDAY=2MO"),
        ("recurrence", "RRULE:FREQ=FORTNIGHTLY"),
        ("recurrence", "RRULE:FREQ=WEEKLY;UNTIL=20251231"),
        ("recurrence", "EXDATE:20261207T090000Z"),
        ("recurrence", "every Monday"),
        ("attendees", "Ana"),
        ("reminders", "50000"),
        ("conference", "{\"name\": \"Zoom\", \"url\": \"zoom.us/j/1\"}"),
    ] {
        let mut arguments =
            json!({"title": "T", "start": "2026-11-30T09:00:00Z", "time_zone": "Europe/Berlin"});
        arguments[argument] = wrong.into();
        let part = if argument == "reminders" { "0 to 40320" } else { "" };
        check("create_event", &arguments, [], Err(part));
    }
    for wrong in
        ["2026-02-30T09:00:00Z", "2026-11-30T09:00:00+25:00", "2026-11-30T09:00:00", "2026-11-30"]
    {
        check("search_events", &json!({"query": "x", "from": wrong}), [], Err(wrong));
        check("list_event_instances", &json!({"event_id": "x", "to": wrong}), [], Err(wrong));
        check(
            "get_free_busy",
            &json!({"from": wrong, "to": "2026-12-01T00:00:00Z"}),
            [],
            Err(wrong),
        );
    }
    check(
        "create_calendar",
        &json!({"title": "T", "time_zone": "Berlin"}),
        [],
        Err("did you mean Europe/Berlin?"),
    );
}

#[test]
fn an_end_of_a_rule_is_written_in_the_kind_of_the_start() {
    let check_rule = |start: &str, given: &str, sent: &str| {
        let is_day = !start.contains('T');
        let end =
            if is_day { json!({"date": "2026-12-01"}) } else { berlin("2026-11-30T10:00:00") };
        let begin = if is_day { json!({"date": start}) } else { berlin("2026-11-30T09:00:00") };
        let body = json!({"summary": "T", "start": begin, "end": end, "recurrence": [sent]});
        check(
            "create_event",
            &json!({"title": "T", "start": start, "time_zone": "W. Europe Standard Time", "recurrence": given}),
            [send("POST", "", body, &json!({"id": "s"}))],
            Ok(json!({"id": "s"})),
        );
    };
    check_rule(
        "2026-11-30T09:00",
        "freq=daily;until=20261231",
        "RRULE:FREQ=DAILY;UNTIL=20261231T225959Z",
    );
    check_rule(
        "2026-11-30T09:00",
        "RRULE:FREQ=DAILY;UNTIL=20261231T090000",
        "RRULE:FREQ=DAILY;UNTIL=20261231T080000Z",
    );
    check_rule(
        "2026-11-30",
        "RRULE:FREQ=DAILY;UNTIL=20261231T225959Z",
        "RRULE:FREQ=DAILY;UNTIL=20261231",
    );
    check_rule(
        "2026-11-30",
        "RRULE:FREQ=DAILY;UNTIL=2026-12-31",
        "RRULE:FREQ=DAILY;UNTIL=20261231",
    );
}

#[test]
fn guests_who_are_not_shown_are_not_removed() {
    let large = || {
        json!({
            "id": "e", "status": "confirmed", "attendeesOmitted": true, "start": berlin("2026-11-30T09:00:00+01:00"), "end": berlin("2026-11-30T10:00:00+01:00"),
            "attendees": [{"email": "me@example.com", "self": true, "responseStatus": "needsAction"}],
        })
    };
    check(
        "respond_to_event",
        &json!({"event_id": "e", "response": "accepted"}),
        [
            get("/e", &large()),
            send(
                "PATCH",
                "/e",
                json!({"attendees": [{"email": "me@example.com", "self": true, "responseStatus": "accepted"}], "attendeesOmitted": true}),
                &json!({"id": "e"}),
            ),
        ],
        Ok(json!({"id": "e"})),
    );
    check(
        "update_event",
        &json!({"event_id": "e", "attendees": ["bo@example.com"]}),
        [get("/e", &large())],
        Err("does not show all guests"),
    );
    check(
        "update_event",
        &json!({"event_id": "e", "title": "Offsite"}),
        [
            get("/e", &large()),
            send("PATCH", "/e", json!({"summary": "Offsite"}), &json!({"id": "e"})),
        ],
        Ok(json!({"id": "e"})),
    );
    let mut omitting = series(json!(["RRULE:FREQ=WEEKLY"]));
    omitting["attendeesOmitted"] = true.into();
    check(
        "update_event",
        &json!({"event_id": "s1_2", "scope": "following", "title": "Daily"}),
        [get("/s1_2", &on_time("s1_2", "2026-12-07")), get("/s1", &omitting), exceptions(&[])],
        Err("does not show all guests"),
    );
}

#[test]
fn a_calendar_that_cannot_be_read_does_not_lose_the_others() {
    let query = "?singleEvents=true&orderBy=startTime&timeMin=2026-11-30T00%3A00%3A00Z&timeMax=2026-12-01T00%3A00%3A00Z&timeZone=UTC&maxResults=250";
    let calendar = |id: &str, status: u16, body: Value| {
        Exchange::new(
            "GET",
            &format!("/calendars/{id}/events{query}"),
            Answer::new(status, &[], body.to_string()),
        )
    };
    let arguments = |calendars: &[&str]| json!({"calendar_ids": calendars, "from": "2026-11-30", "to": "2026-11-30", "time_zone": "UTC"});
    let event = json!({"id": "e", "summary": "Lunch", "start": {"date": "2026-11-30"}, "end": {"date": "2026-12-01"}, "transparency": "transparent"});
    let row = json!({
        "calendar_id": "b", "id": "e", "title": "Lunch", "start": "2026-11-30", "end": "2026-12-01", "status": null, "type": null,
        "location": null, "meet_url": null, "response": null, "organizer": null, "attendees": null, "free": true,
        "description": null, "recurring_event_id": null, "url": null, "updated_at": null,
    });
    let not_found = json!({"error": {"code": 404, "message": "Not Found"}});
    check(
        "list_events",
        &arguments(&["a", "b", "c"]),
        [
            calendar("a", 404, not_found.clone()),
            calendar("b", 200, json!({"items": [event]})),
            calendar("c", 403, json!({"error": {"code": 403, "message": "Forbidden"}})),
        ],
        Ok(json!({
            "items": [row], "time_zone": "UTC",
            "unread": [
                {"calendar_id": "a", "reason": "Google Calendar did not find this (404): Not Found"},
                {"calendar_id": "c", "reason": "Google Calendar does not permit this (403): Forbidden"},
            ],
            "incomplete_results": true,
        })),
    );
    check(
        "list_events",
        &arguments(&["a"]),
        [calendar("a", 404, not_found.clone())],
        Err("Not Found"),
    );
    check(
        "list_events",
        &arguments(&["a", "b"]),
        [calendar("a", 404, not_found.clone()), calendar("b", 404, not_found)],
        Err("Not Found"),
    );
    // An invalid credential fails for all calendars.
    check(
        "list_events",
        &arguments(&["a", "b"]),
        [calendar("a", 401, json!({}))],
        Err("Google Calendar"),
    );
}

#[test]
fn an_event_gets_no_second_conference_and_a_deleted_one_no_change() {
    let with_meet =
        json!({"id": "e", "status": "confirmed", "hangoutLink": "https://meet.google.com/a"});
    check(
        "update_event",
        &json!({"event_id": "e", "meet": true}),
        [get("/e", &with_meet)],
        Ok(json!({"id": "e", "meet_url": "https://meet.google.com/a"})),
    );
    check(
        "update_event",
        &json!({"event_id": "e", "meet": false}),
        [
            get("/e", &with_meet),
            send(
                "PATCH",
                "/e?conferenceDataVersion=1",
                json!({"conferenceData": null}),
                &json!({"id": "e"}),
            ),
        ],
        Ok(json!({"id": "e"})),
    );
    let gone = || deleted("s1_2", "2026-12-07T09:00:00+01:00");
    check(
        "update_event",
        &json!({"event_id": "s1_2", "title": "T"}),
        [get("/s1_2", &gone())],
        Err("is cancelled"),
    );
    check(
        "respond_to_event",
        &json!({"event_id": "s1_2", "response": "declined"}),
        [get("/s1_2", &gone())],
        Err("is cancelled"),
    );
    check(
        "delete_event",
        &json!({"event_id": "s1_2"}),
        [get("/s1_2", &gone())],
        Ok(json!({"message": "The event is deleted already."})),
    );
}

#[test]
fn every_argument_of_a_change_is_used_or_refused() {
    let event = || json!({"id": "e", "status": "confirmed", "start": {"dateTime": "2026-11-30T09:00:00+01:00"}, "end": {"dateTime": "2026-11-30T10:00:00+01:00"}});
    check("update_event", &json!({"event_id": "e"}), [], Err("There is nothing to change"));
    check(
        "update_event",
        &json!({"event_id": "e", "notify": "all"}),
        [],
        Err("There is nothing to change"),
    );
    check(
        "update_event",
        &json!({"event_id": "e", "time_zone": "UTC"}),
        [get("/e", &event())],
        Err("A time zone belongs to"),
    );
    check(
        "update_event",
        &json!({"event_id": "s1_2", "recurrence": ["RRULE:FREQ=DAILY"]}),
        [get("/s1_2", &on_time("s1_2", "2026-12-07"))],
        Err("Give `scope` all or following"),
    );
    // A single event becomes a series, which needs a zone: the calendar's.
    let with_zone =
        |time: &str| json!({"dateTime": time, "timeZone": "Europe/Berlin", "date": null});
    check(
        "update_event",
        &json!({"event_id": "e", "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]}),
        [
            get("/e", &event()),
            Exchange::new(
                "GET",
                "/calendars/primary",
                Answer::new(200, &[], json!({"timeZone": "Europe/Berlin"}).to_string()),
            ),
            send(
                "PATCH",
                "/e",
                json!({
                    "recurrence": ["RRULE:FREQ=DAILY;COUNT=2"],
                    "start": with_zone("2026-11-30T09:00:00+01:00"), "end": with_zone("2026-11-30T10:00:00+01:00"),
                }),
                &json!({"id": "e"}),
            ),
        ],
        Ok(json!({"id": "e"})),
    );
}
